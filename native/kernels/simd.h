// The few vector primitives the CPU kernels share: loads and stores that convert float32 and bfloat16 to
// float32 lanes, exp, sums, and one small register-tiled GEMM. Width follows the compiler's target; every
// routine accepts any length. No tensors, no threads.
#pragma once
#include <c10/util/BFloat16.h>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace mira::kernels::simd {

#if defined(__AVX512F__)
inline constexpr int64_t W = 16;
#elif defined(__AVX__)
inline constexpr int64_t W = 8;
#else
inline constexpr int64_t W = 4;
#endif
typedef float Vec __attribute__((vector_size(W * 4)));
typedef int32_t IVec __attribute__((vector_size(W * 4)));
typedef uint32_t UVec __attribute__((vector_size(W * 4)));
typedef uint16_t HVec __attribute__((vector_size(W * 2)));

inline Vec splat(float x) { return Vec{} + x; }
inline constexpr int64_t round_up(int64_t n, int64_t m = W) { return (n + m - 1) / m * m; }

inline Vec load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, Vec v) { std::memcpy(p, &v, sizeof v); }

inline Vec load(const c10::BFloat16* p) {
  HVec h;
  std::memcpy(&h, p, sizeof h);
  return (Vec)(__builtin_convertvector(h, UVec) << 16);
}
inline void store(c10::BFloat16* p, Vec v) {
  const UVec u = (UVec)v;
  UVec r = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;  // nearest, ties to even
  r = (v == v) ? r : (r & 0u) + 0x7fc0u;            // rounding must not turn a NaN into infinity
  const HVec h = __builtin_convertvector(r, HVec);
  std::memcpy(p, &h, sizeof h);
}

// The first n < W lanes; the others read as zero.
template <class S>
inline Vec load_part(const S* p, int64_t n) {
  S full[W] = {};
  for (int64_t i = 0; i < n; ++i) full[i] = p[i];
  return load(full);
}
template <class S>
inline void store_part(S* p, Vec v, int64_t n) {
  S full[W];
  store(full, v);
  for (int64_t i = 0; i < n; ++i) p[i] = full[i];
}

// f(i, n): called for each full vector with n = W, then once for the tail.
template <class F>
inline void for_lanes(int64_t count, F&& f) {
  int64_t i = 0;
  for (; i + W <= count; i += W) f(i, std::integral_constant<int64_t, W>{});
  if (i < count) f(i, count - i);
}
template <class S>
inline Vec get(const S* p, std::integral_constant<int64_t, W>) { return load(p); }
template <class S>
inline Vec get(const S* p, int64_t n) { return load_part(p, n); }
template <class S>
inline void put(S* p, Vec v, std::integral_constant<int64_t, W>) { store(p, v); }
template <class S>
inline void put(S* p, Vec v, int64_t n) { store_part(p, v, n); }

inline float sum(Vec v) {
  float total = 0;
  for (int64_t i = 0; i < W; ++i) total += v[i];
  return total;
}
inline float max(Vec v) {
  float best = v[0];
  for (int64_t i = 1; i < W; ++i) best = v[i] > best ? v[i] : best;
  return best;
}
inline Vec max(Vec a, Vec b) { return a > b ? a : b; }

// e^x to about 1 ulp: 2^n e^r with |r| <= ln2/2 and a degree-6 polynomial; 0 below -87.3, saturating above 88.3.
inline Vec exp(Vec x) {
  const Vec top = splat(88.3f), bottom = splat(-87.3f), magic = splat(12582912.f);  // 1.5 * 2^23
  const auto underflow = x < bottom;
  x = x > top ? top : x;
  x = underflow ? bottom : x;
  const Vec n = (x * 1.44269504f + magic) - magic;
  const Vec r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  Vec p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.f;
  const IVec exponent = (__builtin_convertvector(n, IVec) + 127) << 23;
  const Vec y = p * (Vec)exponent;
  return underflow ? Vec{} : y;
}

// C[M,N] (+)= A[M,K] B[K,N] for small problems that live in cache: A has any strides, B and C are row-major
// and N is a multiple of W. A tile of MR x NV vectors stays in registers over K.
template <int MR, int NV>
inline void gemm_tile(int64_t K, const float* a, int64_t a_row, int64_t a_col, const float* b, int64_t ldb,
                      float* c, int64_t ldc, bool accumulate) {
  Vec acc[MR][NV];
  for (int i = 0; i < MR; ++i)
    for (int v = 0; v < NV; ++v) acc[i][v] = accumulate ? load(c + i * ldc + v * W) : Vec{};
  for (int64_t k = 0; k < K; ++k) {
    Vec row[NV];
    for (int v = 0; v < NV; ++v) row[v] = load(b + k * ldb + v * W);
    for (int i = 0; i < MR; ++i) {
      const Vec x = splat(a[i * a_row + k * a_col]);
      for (int v = 0; v < NV; ++v) acc[i][v] += x * row[v];
    }
  }
  for (int i = 0; i < MR; ++i)
    for (int v = 0; v < NV; ++v) store(c + i * ldc + v * W, acc[i][v]);
}
inline void gemm(int64_t M, int64_t N, int64_t K, const float* a, int64_t a_row, int64_t a_col, const float* b,
                 int64_t ldb, float* c, int64_t ldc, bool accumulate) {
  int64_t n = 0;
  for (; n + 2 * W <= N; n += 2 * W) {
    int64_t m = 0;
    for (; m + 4 <= M; m += 4)
      gemm_tile<4, 2>(K, a + m * a_row, a_row, a_col, b + n, ldb, c + m * ldc + n, ldc, accumulate);
    for (; m < M; ++m)
      gemm_tile<1, 2>(K, a + m * a_row, a_row, a_col, b + n, ldb, c + m * ldc + n, ldc, accumulate);
  }
  for (; n < N; n += W) {
    int64_t m = 0;
    for (; m + 4 <= M; m += 4)
      gemm_tile<4, 1>(K, a + m * a_row, a_row, a_col, b + n, ldb, c + m * ldc + n, ldc, accumulate);
    for (; m < M; ++m)
      gemm_tile<1, 1>(K, a + m * a_row, a_row, a_col, b + n, ldb, c + m * ldc + n, ldc, accumulate);
  }
}

}  // namespace mira::kernels::simd
