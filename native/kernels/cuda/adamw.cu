// AdamW kernels; see adamw.cuh. A thread takes one group of 8 elements, which share their random bits; with one-byte
// moments a warp takes a block of 256.
#include "native/kernels/cuda/adamw.cuh"
#include "native/kernels/cuda/device.cuh"
#include "native/kernels/moment_code.h"
#include "native/kernels/split_float.h"

namespace mira::kernels::cuda {
namespace {

constexpr unsigned kThreads = 256;
constexpr int E = static_cast<int>(kRoundingGroup);

// Element T of a group, in 16-byte pieces when aligned and whole, else one by one up to n.
template <bool kAligned, class T>
__device__ void load_group(const T* from, int64_t at, int64_t n, T (&x)[E]) {
  constexpr int piece = sizeof(T) * E < 16 ? E : 16 / static_cast<int>(sizeof(T));
  if (kAligned && at + E <= n) {
#pragma unroll
    for (int i = 0; i < E; i += piece) {
      const Vector<T, piece> loaded = *reinterpret_cast<const Vector<T, piece>*>(from + at + i);
#pragma unroll
      for (int j = 0; j < piece; ++j) x[i + j] = loaded.v[j];
    }
  } else {
#pragma unroll
    for (int i = 0; i < E; ++i) x[i] = at + i < n ? from[at + i] : T{};
  }
}
template <bool kAligned, class T>
__device__ void store_group(T* to, int64_t at, int64_t n, const T (&x)[E]) {
  constexpr int piece = sizeof(T) * E < 16 ? E : 16 / static_cast<int>(sizeof(T));
  if (kAligned && at + E <= n) {
#pragma unroll
    for (int i = 0; i < E; i += piece) {
      Vector<T, piece> stored;
#pragma unroll
      for (int j = 0; j < piece; ++j) stored.v[j] = x[i + j];
      *reinterpret_cast<Vector<T, piece>*>(to + at + i) = stored;
    }
  } else {
#pragma unroll
    for (int i = 0; i < E; ++i)
      if (at + i < n) to[at + i] = x[i];
  }
}

template <class G, bool kAligned>
__global__ void __launch_bounds__(kThreads)
    adamw_kernel(float* p, float* m, float* v, const G* g, int64_t n, AdamWFactors f) {
  const int64_t at = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * E;
  if (at >= n) return;
  float x[E], first[E], second[E];
  G grad[E];
  load_group<kAligned>(p, at, n, x);
  load_group<kAligned>(m, at, n, first);
  load_group<kAligned>(v, at, n, second);
  load_group<kAligned>(g, at, n, grad);
#pragma unroll
  for (int e = 0; e < E; ++e) adamw_element(x[e], first[e], second[e], to_float(grad[e]), f);
  store_group<kAligned>(p, at, n, x);
  store_group<kAligned>(m, at, n, first);
  store_group<kAligned>(v, at, n, second);
}

template <class G, bool kAligned>
__global__ void __launch_bounds__(kThreads)
    stochastic_kernel(uint16_t* p, uint16_t* m, uint16_t* v, const G* g, int64_t n, AdamWFactors f, RoundingKey key) {
  const int64_t group = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x, at = group * E;
  if (at >= n) return;
  uint16_t x[E], first[E], second[E];
  G grad[E];
  load_group<kAligned>(p, at, n, x);
  load_group<kAligned>(m, at, n, first);
  load_group<kAligned>(v, at, n, second);
  load_group<kAligned>(g, at, n, grad);
  const RoundingBits bits = rounding_bits(key, static_cast<uint32_t>(group));
#pragma unroll
  for (int e = 0; e < E; ++e) {
    float px = bf16_float(x[e]), pm = bf16_float(first[e]), pv = bf16_float(second[e]);
    adamw_element(px, pm, pv, to_float(grad[e]), f);
    x[e] = stochastic_bf16(px, bits.weight(e));
    first[e] = stochastic_bf16(pm, bits.first(e));
    second[e] = stochastic_bf16(pv, bits.second(e));
  }
  store_group<kAligned>(p, at, n, x);
  store_group<kAligned>(m, at, n, first);
  store_group<kAligned>(v, at, n, second);
}

template <class G, bool kAligned>
__global__ void __launch_bounds__(kThreads)
    split_kernel(uint16_t* p, uint16_t* low, uint16_t* m, uint16_t* v, const G* g, int64_t n, AdamWFactors f,
                 RoundingKey key) {
  const int64_t group = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x, at = group * E;
  if (at >= n) return;
  uint16_t x[E], rest[E], first[E], second[E];
  G grad[E];
  load_group<kAligned>(p, at, n, x);
  load_group<kAligned>(low, at, n, rest);
  load_group<kAligned>(m, at, n, first);
  load_group<kAligned>(v, at, n, second);
  load_group<kAligned>(g, at, n, grad);
  const RoundingBits bits = rounding_bits(key, static_cast<uint32_t>(group));
#pragma unroll
  for (int e = 0; e < E; ++e) {
    float master = join_float({x[e], rest[e]});
    float pm = bf16_float(first[e]), pv = bf16_float(second[e]);
    adamw_element(master, pm, pv, to_float(grad[e]), f);
    const SplitFloat halves = split_float(master);
    x[e] = halves.high;
    rest[e] = halves.low;
    first[e] = stochastic_bf16(pm, bits.first(e));
    second[e] = stochastic_bf16(pv, bits.second(e));
  }
  store_group<kAligned>(p, at, n, x);
  store_group<kAligned>(low, at, n, rest);
  store_group<kAligned>(m, at, n, first);
  store_group<kAligned>(v, at, n, second);
}

__device__ float warp_max(float x) {
#pragma unroll
  for (int lane = kWarp / 2; lane > 0; lane /= 2) x = fmaxf(x, __shfl_xor_sync(kAllLanes, x, lane));
  return x;
}

static_assert(kMomentBlock == kWarp * E, "a warp's lanes hold one block of moments");

template <class G, bool kAligned>
__global__ void __launch_bounds__(kThreads)
    int8_kernel(uint16_t* p, int8_t* m, uint8_t* v, float* m_scale, float* v_scale, const G* g, int64_t n,
                AdamWFactors f, RoundingKey key) {
  const int64_t group = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x, at = group * E, block = group / kWarp;
  if (block * kMomentBlock >= n) return;  // a whole warp
  uint16_t x[E];
  int8_t first[E];
  uint8_t second[E];
  G grad[E];
  float pm[E], pv[E];
  load_group<kAligned>(p, at, n, x);
  load_group<kAligned>(m, at, n, first);
  load_group<kAligned>(v, at, n, second);
  load_group<kAligned>(g, at, n, grad);
  const float old_first = m_scale[block], old_second = v_scale[block];
  const RoundingBits bits = rounding_bits(key, static_cast<uint32_t>(group));
  float top_first = 0.f, top_second = 0.f;
#pragma unroll
  for (int e = 0; e < E; ++e) {
    float px = bf16_float(x[e]);
    pm[e] = decode_first(first[e], old_first);
    pv[e] = decode_second(second[e], old_second);
    adamw_element(px, pm[e], pv[e], to_float(grad[e]), f);
    x[e] = stochastic_bf16(px, bits.weight(e));
    if (at + e < n) {
      top_first = fmaxf(top_first, fabsf(pm[e]));
      top_second = fmaxf(top_second, pv[e]);
    }
  }
  top_first = warp_max(top_first);  // after every lane has read the old scales
  top_second = warp_max(top_second);
#pragma unroll
  for (int e = 0; e < E; ++e) {
    first[e] = encode_first(pm[e], top_first, bits.first(e));
    second[e] = encode_second(pv[e], top_second, bits.second(e));
  }
  store_group<kAligned>(p, at, n, x);
  store_group<kAligned>(m, at, n, first);
  store_group<kAligned>(v, at, n, second);
  if (group % kWarp == 0) {
    m_scale[block] = top_first;
    v_scale[block] = top_second;
  }
}

template <class... P>
bool aligned(const P*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}
int64_t blocks_for(int64_t count) { return divide_up(divide_up(count, E), kThreads); }

}  // namespace

template <class G>
void adamw(float* p, float* m, float* v, const G* g, int64_t count, const AdamWFactors& f, cudaStream_t stream) {
  const auto kernel = aligned(p, m, v, g) ? adamw_kernel<G, true> : adamw_kernel<G, false>;
  launch(kernel, blocks_for(count), kThreads, 0, stream, p, m, v, g, count, f);
}

template <class G>
void adamw_stochastic(uint16_t* p, uint16_t* m, uint16_t* v, const G* g, int64_t count, const AdamWFactors& f,
                      const RoundingKey& key, cudaStream_t stream) {
  const auto kernel = aligned(p, m, v, g) ? stochastic_kernel<G, true> : stochastic_kernel<G, false>;
  launch(kernel, blocks_for(count), kThreads, 0, stream, p, m, v, g, count, f, key);
}

template <class G>
void adamw_split(uint16_t* p, uint16_t* low, uint16_t* m, uint16_t* v, const G* g, int64_t count, const AdamWFactors& f,
                 const RoundingKey& key, cudaStream_t stream) {
  const auto kernel = aligned(p, low, m, v, g) ? split_kernel<G, true> : split_kernel<G, false>;
  launch(kernel, blocks_for(count), kThreads, 0, stream, p, low, m, v, g, count, f, key);
}

template <class G>
void adamw_int8(uint16_t* p, int8_t* m, uint8_t* v, float* m_scale, float* v_scale, const G* g, int64_t count,
                const AdamWFactors& f, const RoundingKey& key, cudaStream_t stream) {
  const auto kernel = aligned(p, m, v, g) ? int8_kernel<G, true> : int8_kernel<G, false>;
  // Whole warps even at the end: their lanes look for one maximum together.
  launch(kernel, divide_up(divide_up(count, kMomentBlock) * kWarp, kThreads), kThreads, 0, stream, p, m, v, m_scale,
         v_scale, g, count, f, key);
}

#define MIRA_INSTANTIATE(G)                                                                                          \
  template void adamw<G>(float*, float*, float*, const G*, int64_t, const AdamWFactors&, cudaStream_t);              \
  template void adamw_stochastic<G>(uint16_t*, uint16_t*, uint16_t*, const G*, int64_t, const AdamWFactors&,         \
                                    const RoundingKey&, cudaStream_t);                                               \
  template void adamw_split<G>(uint16_t*, uint16_t*, uint16_t*, uint16_t*, const G*, int64_t, const AdamWFactors&,   \
                               const RoundingKey&, cudaStream_t);                                                    \
  template void adamw_int8<G>(uint16_t*, int8_t*, uint8_t*, float*, float*, const G*, int64_t, const AdamWFactors&,  \
                              const RoundingKey&, cudaStream_t);
MIRA_INSTANTIATE(float)
MIRA_INSTANTIATE(Bf16)
#undef MIRA_INSTANTIATE

}  // namespace mira::kernels::cuda
