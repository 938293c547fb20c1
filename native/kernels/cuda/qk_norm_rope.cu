// QK-norm and rotary kernels; see qk_norm_rope.cuh. A lane holds N neighbouring pairs (i, i + D/2): with D = 64 N
// a head is loaded once into registers; any other even D takes pairs in turns and loads again.
#include "native/kernels/cuda/qk_norm_rope.cuh"
#include "native/kernels/cuda/column_sums.cuh"
#include "native/kernels/cuda/device.cuh"

namespace mira::kernels::cuda {
namespace {

constexpr unsigned kWarps = 8;

// f(first pair of this lane's next N) until the head's half is done.
template <int N, class F>
__device__ void over_pairs(int64_t half, F&& f) {
  for (int64_t i = threadIdx.x % kWarp * N; i < half; i += kWarp * N) f(i);
}

template <int N, class S>
__device__ void load(const S* from, float (&x)[N]) {
  const Vector<S, N> loaded = *reinterpret_cast<const Vector<S, N>*>(from);
#pragma unroll
  for (int j = 0; j < N; ++j) x[j] = to_float(loaded.v[j]);
}
template <int N, class S>
__device__ void store(S* to, const float (&x)[N]) {
  Vector<S, N> stored;
#pragma unroll
  for (int j = 0; j < N; ++j) stored.v[j] = from_float<S>(x[j]);
  *reinterpret_cast<Vector<S, N>*>(to) = stored;
}

template <int N, class S>
__device__ float head_rstd(const S* x, int64_t half, float eps) {
  float squares = 0.f;
  over_pairs<N>(half, [&](int64_t i) {
    float a[N], b[N];
    load<N>(x + i, a);
    load<N>(x + half + i, b);
#pragma unroll
    for (int j = 0; j < N; ++j) squares = fmaf(b[j], b[j], fmaf(a[j], a[j], squares));
  });
  return 1.f / sqrtf(warp_sum(squares) / static_cast<float>(2 * half) + eps);
}

template <int N, class S>
__global__ void __launch_bounds__(kWarps * kWarp)
    forward_kernel(const S* qkv, const S* q_norm, const S* k_norm, const int32_t* pos, const float* cos,
                   const float* sin, const int64_t* rows, S* q, S* k, S* v, QkNormRopeShape s) {
  const int64_t t = blockIdx.x, D = s.head_dim, half = D / 2, Q = s.heads, K = s.kv_heads;
  const int64_t row = rows ? rows[t] : t;
  const float *c = cos + pos[t] * half, *sn = sin + pos[t] * half;
  for (int64_t head = threadIdx.x / kWarp; head < Q + 2 * K; head += blockDim.x / kWarp) {
    const S* x = qkv + (t * (Q + 2 * K) + head) * D;
    if (head >= Q && row < 0) continue;
    if (head >= Q + K) {  // v as it is
      S* y = v + (row * K + head - Q - K) * D;
      over_pairs<N>(half, [&](int64_t i) {
#pragma unroll
        for (int j = 0; j < 2; ++j)
          *reinterpret_cast<Vector<S, N>*>(y + j * half + i) =
              *reinterpret_cast<const Vector<S, N>*>(x + j * half + i);
      });
      continue;
    }
    const S* w = head < Q ? q_norm : k_norm;
    S* y = head < Q ? q + (t * Q + head) * D : k + (row * K + head - Q) * D;
    const float rstd = head_rstd<N>(x, half, s.eps);
    over_pairs<N>(half, [&](int64_t i) {
      float a[N], b[N], wa[N], wb[N], ci[N], si[N];
      load<N>(x + i, a);
      load<N>(x + half + i, b);
      load<N>(w + i, wa);
      load<N>(w + half + i, wb);
      load<N>(c + i, ci);
      load<N>(sn + i, si);
#pragma unroll
      for (int j = 0; j < N; ++j) {
        const float na = a[j] * rstd * (wa[j] + 1.f), nb = b[j] * rstd * (wb[j] + 1.f);
        a[j] = na * ci[j] - nb * si[j];
        b[j] = nb * ci[j] + na * si[j];
      }
      store<N>(y + i, a);
      store<N>(y + half + i, b);
    });
  }
}

// Per head: dn = the gradient rotated back, then RMSNorm's backward on the head's D elements. A block takes `chunk`
// tokens in turn. The dynamic shared memory holds, per warp, the gradients of q_norm and k_norm [2,D], each element
// owned by one lane; warps are added in order at the end.
template <int N, class S>
__global__ void __launch_bounds__(kWarps * kWarp)
    backward_kernel(const S* dq, const S* dk, const S* dv, const S* qkv, const S* q_norm, const S* k_norm,
                    const int32_t* pos, const float* cos, const float* sin, S* dqkv, float* partial, int64_t chunk,
                    QkNormRopeShape s) {
  const int64_t D = s.head_dim, half = D / 2, Q = s.heads, K = s.kv_heads, first = blockIdx.x * chunk;
  const int64_t last = first + chunk < s.tokens ? first + chunk : s.tokens;
  const unsigned warp = threadIdx.x / kWarp, warps = blockDim.x / kWarp;
  float* shared = dynamic_shared<float>();
  if (partial) {
    for (int64_t i = threadIdx.x; i < warps * 2 * D; i += blockDim.x) shared[i] = 0.f;
    __syncthreads();
  }
  for (int64_t t = first; t < last; ++t) {
    const float *c = cos + pos[t] * half, *sn = sin + pos[t] * half;
    for (int64_t head = warp; head < Q + 2 * K; head += warps) {
      const int64_t at = (t * (Q + 2 * K) + head) * D;
      S* dx = dqkv + at;
      if (head >= Q + K) {
        const S* d = dv + (t * K + head - Q - K) * D;
        over_pairs<N>(half, [&](int64_t i) {
#pragma unroll
          for (int j = 0; j < 2; ++j)
            *reinterpret_cast<Vector<S, N>*>(dx + j * half + i) =
                *reinterpret_cast<const Vector<S, N>*>(d + j * half + i);
        });
        continue;
      }
      const S *x = qkv + at, *w = head < Q ? q_norm : k_norm;
      const S* d = head < Q ? dq + (t * Q + head) * D : dk + (t * K + head - Q) * D;
      float* dw = partial ? shared + (warp * 2 + (head < Q ? 0 : 1)) * D : nullptr;
      const float rstd = head_rstd<N>(x, half, s.eps);
      float inner = 0.f;
      // The gradient of the normed head (da, db), the normed head (na, nb) and 1 + w at pairs i, in registers.
      const auto at_pairs = [&](int64_t i, float(&da)[N], float(&db)[N], float(&na)[N], float(&nb)[N], float(&ga)[N],
                                float(&gb)[N]) {
        float a[N], b[N], ci[N], si[N];
        load<N>(d + i, a);
        load<N>(d + half + i, b);
        load<N>(c + i, ci);
        load<N>(sn + i, si);
        load<N>(x + i, na);
        load<N>(x + half + i, nb);
        load<N>(w + i, ga);
        load<N>(w + half + i, gb);
#pragma unroll
        for (int j = 0; j < N; ++j) {
          da[j] = a[j] * ci[j] + b[j] * si[j];
          db[j] = b[j] * ci[j] - a[j] * si[j];
          na[j] *= rstd;
          nb[j] *= rstd;
          ga[j] += 1.f;
          gb[j] += 1.f;
        }
      };
      over_pairs<N>(half, [&](int64_t i) {
        float da[N], db[N], na[N], nb[N], ga[N], gb[N];
        at_pairs(i, da, db, na, nb, ga, gb);
#pragma unroll
        for (int j = 0; j < N; ++j) {
          inner = fmaf(db[j] * gb[j], nb[j], fmaf(da[j] * ga[j], na[j], inner));
          if (dw) {
            dw[i + j] = fmaf(da[j], na[j], dw[i + j]);
            dw[half + i + j] = fmaf(db[j], nb[j], dw[half + i + j]);
          }
        }
      });
      const float mean = warp_sum(inner) / static_cast<float>(D);
      over_pairs<N>(half, [&](int64_t i) {
        float da[N], db[N], na[N], nb[N], ga[N], gb[N];
        at_pairs(i, da, db, na, nb, ga, gb);
#pragma unroll
        for (int j = 0; j < N; ++j) {
          da[j] = (da[j] * ga[j] - na[j] * mean) * rstd;
          db[j] = (db[j] * gb[j] - nb[j] * mean) * rstd;
        }
        store<N>(dx + i, da);
        store<N>(dx + half + i, db);
      });
    }
  }
  if (!partial) return;
  __syncthreads();
  for (int64_t i = threadIdx.x; i < 2 * D; i += blockDim.x) {
    float sum = 0.f;
    for (unsigned other = 0; other < warps; ++other) sum += shared[other * 2 * D + i];
    partial[blockIdx.x * 2 * D + i] = sum;
  }
}

// Pairs per lane: 4 for D = 256, 2 for D = 128 when everything is aligned for loads of N elements; else 1.
template <class... P>
int pairs_per_lane(int64_t D, const P*... pointers) {
  const auto fits = [&](int n) {
    return D == 2 * kWarp * n && ((reinterpret_cast<uintptr_t>(pointers) % (n * sizeof(P)) == 0) && ...);
  };
  return fits(4) ? 4 : fits(2) ? 2 : 1;
}

}  // namespace

template <class S>
void qk_norm_rope_forward(const S* qkv, const S* q_norm, const S* k_norm, const int32_t* pos, const float* cos,
                          const float* sin, const int64_t* rows, S* q, S* k, S* v, const QkNormRopeShape& s,
                          cudaStream_t stream) {
  const int n = pairs_per_lane(s.head_dim, qkv, q_norm, k_norm, cos, sin, q, k, v);
  const auto kernel = n == 4 ? forward_kernel<4, S> : n == 2 ? forward_kernel<2, S> : forward_kernel<1, S>;
  launch(kernel, s.tokens, kWarps * kWarp, 0, stream, qkv, q_norm, k_norm, pos, cos, sin, rows, q, k, v, s);
}

template <class S>
void qk_norm_rope_backward(const S* dq, const S* dk, const S* dv, const S* qkv, const S* q_norm, const S* k_norm,
                           const int32_t* pos, const float* cos, const float* sin, S* dqkv, float* partial, S* dw,
                           const QkNormRopeShape& s, cudaStream_t stream) {
  const int64_t shared = partial ? kWarps * 2 * s.head_dim * static_cast<int64_t>(sizeof(float)) : 0;
  if (shared > kSharedBytes)
    throw std::invalid_argument("qk_norm_rope: expected a head dimension of at most 768, got " +
                                std::to_string(s.head_dim) + ".");
  const int n = pairs_per_lane(s.head_dim, dq, dk, dv, qkv, q_norm, k_norm, cos, sin, dqkv);
  const auto kernel = n == 4 ? backward_kernel<4, S> : n == 2 ? backward_kernel<2, S> : backward_kernel<1, S>;
  const int64_t chunk = s.tokens ? divide_up(s.tokens, gradient_parts(s.tokens)) : 1;
  const int64_t blocks = divide_up(s.tokens, chunk);
  launch(kernel, blocks, kWarps * kWarp, shared, stream, dq, dk, dv, qkv, q_norm, k_norm, pos, cos, sin, dqkv, partial,
         chunk, s);
  if (partial) column_sums(partial, blocks, 2 * s.head_dim, dw, stream);
}

#define MIRA_INSTANTIATE(S)                                                                                          \
  template void qk_norm_rope_forward<S>(const S*, const S*, const S*, const int32_t*, const float*, const float*,    \
                                        const int64_t*, S*, S*, S*, const QkNormRopeShape&, cudaStream_t);           \
  template void qk_norm_rope_backward<S>(const S*, const S*, const S*, const S*, const S*, const S*, const int32_t*, \
                                         const float*, const float*, S*, float*, S*, const QkNormRopeShape&,         \
                                         cudaStream_t);
MIRA_INSTANTIATE(float)
MIRA_INSTANTIATE(Bf16)
#undef MIRA_INSTANTIATE

}  // namespace mira::kernels::cuda
