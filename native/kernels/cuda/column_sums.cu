// Column sums; see column_sums.cuh. A block holds 32 columns; its 16 warps take every 16th row each.
#include "native/kernels/cuda/column_sums.cuh"
#include "native/kernels/cuda/device.cuh"

namespace mira::kernels::cuda {
namespace {

constexpr int kLanes = 16;

template <class S>
__global__ void column_sums_kernel(const float* rows, int64_t R, int64_t C, S* out) {
  __shared__ float parts[kLanes][kWarp];
  const unsigned column = threadIdx.x % kWarp, lane = threadIdx.x / kWarp;
  const int64_t c = static_cast<int64_t>(blockIdx.x) * kWarp + column;
  float sum = 0.f;
  if (c < C)
    for (int64_t r = lane; r < R; r += kLanes) sum += rows[r * C + c];
  parts[lane][column] = sum;
  __syncthreads();
  if (lane != 0 || c >= C) return;
  for (int i = 1; i < kLanes; ++i) sum += parts[i][column];
  out[c] = from_float<S>(sum);
}

}  // namespace

template <class S>
void column_sums(const float* rows, int64_t R, int64_t C, S* out, cudaStream_t stream) {
  launch(column_sums_kernel<S>, divide_up(C, kWarp), kLanes * kWarp, 0, stream, rows, R, C, out);
}

template void column_sums<float>(const float*, int64_t, int64_t, float*, cudaStream_t);
template void column_sums<Bf16>(const float*, int64_t, int64_t, Bf16*, cudaStream_t);

}  // namespace mira::kernels::cuda
