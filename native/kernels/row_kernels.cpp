// Compiles row_*.inc for each instruction set and picks one at run time; see row_kernels.h for the promise.
#include "native/kernels/row_kernels.h"
#include <cstdint>

#define MIRA_INLINE static inline __attribute__((always_inline))
#pragma GCC diagnostic ignored "-Wpsabi"  // vectors are passed only between functions inlined here
#pragma GCC diagnostic ignored "-Wignored-attributes"

namespace mira::kernels {
namespace {

namespace baseline {
#if defined(__AVX2__)
#define LANES 8
#define TILE_ROWS 6
#define TILE_VECS 2
#else
#define LANES 4
#define TILE_ROWS 4
#define TILE_VECS 2
#endif
#include "native/kernels/row_gemm.inc"
#include "native/kernels/row_ops.inc"
#include "native/kernels/row_attention.inc"
#undef LANES
#undef TILE_ROWS
#undef TILE_VECS
}  // namespace baseline

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define MIRA_HAS_AVX512 1
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
namespace avx512 {
#define LANES 16
#define TILE_ROWS 6
#define TILE_VECS 4
#include "native/kernels/row_gemm.inc"
#include "native/kernels/row_ops.inc"
#include "native/kernels/row_attention.inc"
#undef LANES
#undef TILE_ROWS
#undef TILE_VECS
}  // namespace avx512
#pragma GCC pop_options
#endif

const RowKernels& pick() {
#ifdef MIRA_HAS_AVX512
  static constexpr RowKernels wide = avx512::make_table("avx512");
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return wide;
#endif
  static constexpr RowKernels narrow = baseline::make_table("baseline");
  return narrow;
}

}  // namespace

const RowKernels& row_kernels() {
  static const RowKernels& table = pick();
  return table;
}

}  // namespace mira::kernels
