// Batch-invariant products; see exact_gemm.cuh. An output is one chain over ascending k in one accumulator: tensor
// core steps of 16 for bfloat16, single fused multiply-adds for float32. Two tilings serve few and many rows; they
// differ in which outputs share a block and in nothing that touches an output's own chain, so that a row computed
// alone and the same row among thousands have the same bits. No split of k, no atomics, no choice by the library.
#include "native/kernels/cuda/exact_gemm.cuh"
#include "native/kernels/cuda/device.cuh"
#ifdef __CUDACC__
#include <mma.h>
#endif

namespace mira::kernels::cuda {
namespace {

// One thread per output. What a GPU runs for float32, and the emulated tests for both types.
template <class S, class Out>
__global__ void __launch_bounds__(256)
    scalar_kernel(const S* x, const S* w, Out* y, int64_t M, int64_t N, int64_t K, int64_t column_blocks) {
  const int64_t m = blockIdx.x / column_blocks * 16 + threadIdx.x / 16;
  const int64_t n = blockIdx.x % column_blocks * 16 + threadIdx.x % 16;
  if (m >= M || n >= N) return;
  float sum = 0.f;
  for (int64_t k = 0; k < K; ++k) sum = fmaf(to_float(x[m * K + k]), to_float(w[n * K + k]), sum);
  y[m * N + n] = from_float<Out>(sum);
}

template <class S, class Out>
void launch_scalar(const S* x, const S* w, Out* y, int64_t M, int64_t N, int64_t K, cudaStream_t stream) {
  const int64_t columns = divide_up(N, 16);
  launch(scalar_kernel<S, Out>, divide_up(M, 16) * columns, 256, 0, stream, x, w, y, M, N, K, columns);
}

#ifdef __CUDACC__
namespace wmma = nvcuda::wmma;

constexpr int kStep = 16;   // k per tensor core operation, in every tiling
constexpr int kDepth = 32;  // k per tile in shared memory
constexpr int kPitch = kDepth + 8;  // spreads the rows of a tile over the banks
constexpr int kPacks = kDepth / 8;  // of 16 bytes in a row of a tile

// Rows x columns of outputs per block and per warp.
template <int BM, int BN, int WM, int WN>
struct Tiling {
  static constexpr int kRows = BM, kColumns = BN, kWarpRows = WM, kWarpColumns = WN;
  static constexpr int kWarps = (BM / WM) * (BN / WN), kThreads = kWarps * kWarp;
  static constexpr int kXPacks = BM * kPacks, kWPacks = BN * kPacks;
  static constexpr int kTileElements = (BM + BN) * kPitch;
  static constexpr int kSharedBytes = 2 * kTileElements * 2;  // two tiles of two bytes each
  static_assert(kTileElements * 2 % 32 == 0);  // what wmma loads are aligned to
  static_assert(kSharedBytes >= kWarps * kStep * kStep * 4 && kSharedBytes <= 48 * 1024);
};
using FewRows = Tiling<16, 64, 16, 16>;
using ManyRows = Tiling<128, 128, 64, 32>;

// Eight elements of row `row` from column k; zeros beyond the matrix.
template <bool kAligned>
__device__ inline Vector<Bf16, 8> load_eight(const Bf16* from, int64_t row, int64_t rows, int64_t k, int64_t K) {
  Vector<Bf16, 8> pack;
  if (kAligned && row < rows && k < K) return *reinterpret_cast<const Vector<Bf16, 8>*>(from + row * K + k);
#pragma unroll
  for (int j = 0; j < 8; ++j) pack.v[j] = !kAligned && row < rows && k + j < K ? from[row * K + k + j] : Bf16{0};
  return pack;
}

template <class T, class Out, bool kAligned>
__global__ void __launch_bounds__(T::kThreads)
    tensor_kernel(const Bf16* x, const Bf16* w, Out* y, int64_t M, int64_t N, int64_t K, int64_t column_blocks) {
  __shared__ __align__(32) unsigned char memory[T::kSharedBytes];
  Bf16* const tiles = reinterpret_cast<Bf16*>(memory);
  const int64_t m0 = blockIdx.x / column_blocks * T::kRows, n0 = blockIdx.x % column_blocks * T::kColumns;
  const int thread = threadIdx.x, warp = thread / kWarp;
  constexpr int kAcross = T::kColumns / T::kWarpColumns;
  const int wm = warp / kAcross * T::kWarpRows, wn = warp % kAcross * T::kWarpColumns;
  constexpr int kFragmentsM = T::kWarpRows / kStep, kFragmentsN = T::kWarpColumns / kStep;
  constexpr int kXLoads = (T::kXPacks + T::kThreads - 1) / T::kThreads;
  constexpr int kWLoads = (T::kWPacks + T::kThreads - 1) / T::kThreads;

  wmma::fragment<wmma::accumulator, kStep, kStep, kStep, float> sums[kFragmentsM][kFragmentsN];
#pragma unroll
  for (int i = 0; i < kFragmentsM; ++i)
#pragma unroll
    for (int j = 0; j < kFragmentsN; ++j) wmma::fill_fragment(sums[i][j], 0.f);

  Vector<Bf16, 8> next_x[kXLoads], next_w[kWLoads];
  const auto fetch = [&](int64_t k0) {
#pragma unroll
    for (int i = 0; i < kXLoads; ++i) {
      const int pack = thread + i * T::kThreads, row = pack / kPacks, k = pack % kPacks * 8;
      if (pack < T::kXPacks) next_x[i] = load_eight<kAligned>(x, m0 + row, M, k0 + k, K);
    }
#pragma unroll
    for (int i = 0; i < kWLoads; ++i) {
      const int pack = thread + i * T::kThreads, row = pack / kPacks, k = pack % kPacks * 8;
      if (pack < T::kWPacks) next_w[i] = load_eight<kAligned>(w, n0 + row, N, k0 + k, K);
    }
  };
  const auto put = [&](Bf16* tile) {
#pragma unroll
    for (int i = 0; i < kXLoads; ++i) {
      const int pack = thread + i * T::kThreads, row = pack / kPacks, k = pack % kPacks * 8;
      if (pack < T::kXPacks) *reinterpret_cast<Vector<Bf16, 8>*>(tile + row * kPitch + k) = next_x[i];
    }
#pragma unroll
    for (int i = 0; i < kWLoads; ++i) {
      const int pack = thread + i * T::kThreads, row = T::kRows + pack / kPacks, k = pack % kPacks * 8;
      if (pack < T::kWPacks) *reinterpret_cast<Vector<Bf16, 8>*>(tile + row * kPitch + k) = next_w[i];
    }
  };

  fetch(0);
  put(tiles);
  __syncthreads();
  int at = 0;
  for (int64_t k0 = 0; k0 < K; k0 += kDepth, at ^= 1) {
    const bool more = k0 + kDepth < K;
    if (more) fetch(k0 + kDepth);  // on its way while this tile is multiplied
    const __nv_bfloat16* x_tile = reinterpret_cast<const __nv_bfloat16*>(tiles + at * T::kTileElements);
    const __nv_bfloat16* w_tile = x_tile + T::kRows * kPitch;
#pragma unroll
    for (int k = 0; k < kDepth; k += kStep) {
      wmma::fragment<wmma::matrix_a, kStep, kStep, kStep, __nv_bfloat16, wmma::row_major> a[kFragmentsM];
      wmma::fragment<wmma::matrix_b, kStep, kStep, kStep, __nv_bfloat16, wmma::col_major> b[kFragmentsN];
#pragma unroll
      for (int i = 0; i < kFragmentsM; ++i)
        wmma::load_matrix_sync(a[i], x_tile + (wm + i * kStep) * kPitch + k, kPitch);
#pragma unroll
      for (int j = 0; j < kFragmentsN; ++j)
        wmma::load_matrix_sync(b[j], w_tile + (wn + j * kStep) * kPitch + k, kPitch);
#pragma unroll
      for (int i = 0; i < kFragmentsM; ++i)
#pragma unroll
        for (int j = 0; j < kFragmentsN; ++j) wmma::mma_sync(sums[i][j], a[i], b[j], sums[i][j]);
    }
    if (more) put(tiles + (at ^ 1) * T::kTileElements);
    __syncthreads();
  }

  // The tiles are spent: their memory takes one fragment of each warp at a time on its way out.
  float* const patch = reinterpret_cast<float*>(memory) + warp * kStep * kStep;
#pragma unroll
  for (int i = 0; i < kFragmentsM; ++i)
#pragma unroll
    for (int j = 0; j < kFragmentsN; ++j) {
      wmma::store_matrix_sync(patch, sums[i][j], kStep, wmma::mem_row_major);
      __syncwarp();
      for (int e = thread % kWarp; e < kStep * kStep; e += kWarp) {
        const int64_t m = m0 + wm + i * kStep + e / kStep, n = n0 + wn + j * kStep + e % kStep;
        if (m < M && n < N) y[m * N + n] = from_float<Out>(patch[e]);
      }
      __syncwarp();
    }
}

template <class T, class Out>
void launch_tensor(const Bf16* x, const Bf16* w, Out* y, int64_t M, int64_t N, int64_t K, cudaStream_t stream) {
  const auto kernel = packed_rows<Bf16>(K, x, w) ? tensor_kernel<T, Out, true> : tensor_kernel<T, Out, false>;
  const int64_t columns = divide_up(N, T::kColumns);
  launch(kernel, divide_up(M, T::kRows) * columns, T::kThreads, 0, stream, x, w, y, M, N, K, columns);
}
#endif  // __CUDACC__

}  // namespace

template <class S, class Out>
void exact_gemm(const S* x, const S* w, Out* y, int64_t M, int64_t N, int64_t K, cudaStream_t stream) {
#ifdef __CUDACC__
  if constexpr (sizeof(S) == 2) {
    if (M <= 64) launch_tensor<FewRows>(x, w, y, M, N, K, stream);
    else launch_tensor<ManyRows>(x, w, y, M, N, K, stream);
    return;
  }
#endif
  launch_scalar(x, w, y, M, N, K, stream);
}

template void exact_gemm<float, float>(const float*, const float*, float*, int64_t, int64_t, int64_t, cudaStream_t);
template void exact_gemm<Bf16, Bf16>(const Bf16*, const Bf16*, Bf16*, int64_t, int64_t, int64_t, cudaStream_t);
template void exact_gemm<Bf16, float>(const Bf16*, const Bf16*, float*, int64_t, int64_t, int64_t, cudaStream_t);

}  // namespace mira::kernels::cuda
