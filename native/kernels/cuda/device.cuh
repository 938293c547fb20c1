// What every kernel here is built from: conversions, 16-byte packs of a row, sums over a warp and a block in a
// fixed order, and launching. Pure CUDA C++: knows neither ATen nor a GPU, and test/native/cuda-emulation
// compiles it as plain C++20.
//
// Promise the kernels rest on: element i of a row belongs to pack i / kPack, and packs to threads by a rule that
// looks at the row's length alone; so a row's sums do not depend on other rows, on alignment, or on the GPU.
#pragma once
#include <cuda_runtime.h>
#ifdef __CUDACC__
#include <cuda_bf16.h>
#endif
#include <cstdint>
#include <stdexcept>
#include <string>
#include "native/kernels/cuda/types.h"

namespace mira::kernels::cuda {

inline constexpr int kWarp = 32;
inline constexpr unsigned kAllLanes = 0xffffffffu;
inline constexpr int64_t kSharedBytes = 48 * 1024;  // what a block may have without asking for more

template <class S>
inline constexpr int kPack = 16 / sizeof(S);  // elements in one 16-byte load

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(Bf16 x) { return __uint_as_float(static_cast<unsigned>(x.bits) << 16); }

template <class S>
__device__ inline S from_float(float x);
template <>
__device__ inline float from_float<float>(float x) { return x; }
template <>
__device__ inline Bf16 from_float<Bf16>(float x) {  // nearest, ties to even; a NaN stays one
#ifdef __CUDACC__
  return {__bfloat16_as_ushort(__float2bfloat16_rn(x))};
#else
  const unsigned u = __float_as_uint(x);
  return {static_cast<uint16_t>(x == x ? (u + 0x7fffu + ((u >> 16) & 1u)) >> 16 : 0x7fc0u)};
#endif
}

template <class S, int N>
struct alignas(N * sizeof(S)) Vector { S v[N]; };

// Pack `index` of a row of n elements as float32; elements beyond n read as 0. kAligned: row is 16-byte aligned
// and n a multiple of kPack.
template <bool kAligned, class S>
__device__ inline void load_pack(const S* row, int64_t index, int64_t n, float (&x)[kPack<S>]) {
  constexpr int N = kPack<S>;
  if constexpr (kAligned) {
    const Vector<S, N> loaded = *reinterpret_cast<const Vector<S, N>*>(row + index * N);
#pragma unroll
    for (int j = 0; j < N; ++j) x[j] = to_float(loaded.v[j]);
  } else {
#pragma unroll
    for (int j = 0; j < N; ++j) x[j] = index * N + j < n ? to_float(row[index * N + j]) : 0.f;
  }
}

template <bool kAligned, class S>
__device__ inline void store_pack(S* row, int64_t index, int64_t n, const float (&x)[kPack<S>]) {
  constexpr int N = kPack<S>;
  if constexpr (kAligned) {
    Vector<S, N> stored;
#pragma unroll
    for (int j = 0; j < N; ++j) stored.v[j] = from_float<S>(x[j]);
    *reinterpret_cast<Vector<S, N>*>(row + index * N) = stored;
  } else {
#pragma unroll
    for (int j = 0; j < N; ++j)
      if (index * N + j < n) row[index * N + j] = from_float<S>(x[j]);
  }
}

template <class T>
__device__ inline T warp_sum(T x) {
#pragma unroll
  for (int lane = kWarp / 2; lane > 0; lane /= 2) x += __shfl_xor_sync(kAllLanes, x, lane);
  return x;
}

// The sum over the block, the same bits in every thread. All threads must call; blockDim.x a multiple of 32.
// Safe to call again at once.
template <class T>
__device__ inline T block_sum(T x) {
  __shared__ T parts[kWarp];
  x = warp_sum(x);
  __syncthreads();  // nobody still reads the previous call's parts
  if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = x;
  __syncthreads();
  T total = parts[0];
  for (unsigned warp = 1; warp < blockDim.x / kWarp; ++warp) total += parts[warp];
  return total;
}

__host__ __device__ constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Threads for rows of `packs` packs: whole warps, no more than are needed, at most `most`.
inline unsigned threads_for(int64_t packs, int64_t most) {
  const int64_t threads = divide_up(packs < 1 ? 1 : packs, kWarp) * kWarp;
  return static_cast<unsigned>(threads < most ? threads : most);
}

// Whether rows of n elements can be read in packs from all of these pointers; null counts as aligned.
template <class S, class... P>
inline bool packed_rows(int64_t n, const P*... pointers) {
  return n % kPack<S> == 0 && ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}

// Queues one kernel. Launch errors are left for the caller to fetch with cudaGetLastError.
template <class... P, class... A>
void launch(void (*kernel)(P...), int64_t blocks, unsigned threads, int64_t shared_bytes, cudaStream_t stream,
            A... args) {
  if (blocks <= 0) return;
  if (blocks > 0x7fffffff)
    throw std::invalid_argument("launch: expected at most 2147483647 blocks, got " + std::to_string(blocks) +
                                "; split the batch.");
#ifdef __CUDACC__
  kernel<<<static_cast<unsigned>(blocks), threads, static_cast<size_t>(shared_bytes), stream>>>(
      static_cast<P>(args)...);
#else
  emulation::launch(static_cast<unsigned>(blocks), threads, static_cast<size_t>(shared_bytes),
                    [&] { kernel(static_cast<P>(args)...); });
#endif
}

// The block's dynamic shared memory, 16-byte aligned.
template <class T>
__device__ inline T* dynamic_shared() {
#ifdef __CUDACC__
  extern __shared__ __align__(16) unsigned char mira_dynamic_shared[];
  return reinterpret_cast<T*>(mira_dynamic_shared);
#else
  return static_cast<T*>(emulation::dynamic_shared());
#endif
}

}  // namespace mira::kernels::cuda
