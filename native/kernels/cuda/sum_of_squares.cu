// Two passes: one block per 16384 elements, then one block over the partial sums; see sum_of_squares.cuh.
#include "native/kernels/cuda/sum_of_squares.cuh"
#include "native/kernels/cuda/device.cuh"

namespace mira::kernels::cuda {
namespace {

constexpr unsigned kThreads = 256;

template <class S, bool kAligned>
__global__ void __launch_bounds__(kThreads) squares_kernel(const S* x, int64_t count, double* partial) {
  constexpr int N = kPack<S>;
  const int64_t first = blockIdx.x * kSquaresBlock;
  const int64_t length = count - first < kSquaresBlock ? count - first : kSquaresBlock;
  double sum = 0;
  for (int64_t p = threadIdx.x; p < divide_up(length, N); p += kThreads) {
    float v[N];
    // The last block may end within a pack.
    if (kAligned && (p + 1) * N <= length) load_pack<true>(x + first, p, length, v);
    else load_pack<false>(x + first, p, length, v);
#pragma unroll
    for (int j = 0; j < N; ++j) sum += static_cast<double>(v[j]) * v[j];
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kThreads) total_kernel(const double* partial, int64_t parts, double* sum) {
  double mine = 0;
  for (int64_t i = threadIdx.x; i < parts; i += kThreads) mine += partial[i];
  mine = block_sum(mine);
  if (threadIdx.x == 0) *sum = mine;
}

}  // namespace

template <class S>
void sum_of_squares(const S* x, int64_t count, double* partial, double* sum, cudaStream_t stream) {
  const auto kernel = packed_rows<S>(0, x) ? squares_kernel<S, true> : squares_kernel<S, false>;
  launch(kernel, squares_parts(count), kThreads, 0, stream, x, count, partial);
  launch(total_kernel, 1, kThreads, 0, stream, partial, squares_parts(count), sum);
}

template void sum_of_squares<float>(const float*, int64_t, double*, double*, cudaStream_t);
template void sum_of_squares<Bf16>(const Bf16*, int64_t, double*, double*, cudaStream_t);

}  // namespace mira::kernels::cuda
