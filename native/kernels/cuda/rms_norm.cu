// RMSNorm kernels; see rms_norm.cuh. One block per row; a row is read twice, the second time from cache.
#include "native/kernels/cuda/rms_norm.cuh"
#include "native/kernels/cuda/column_sums.cuh"
#include "native/kernels/cuda/device.cuh"

namespace mira::kernels::cuda {
namespace {

constexpr int64_t kMostThreads = 512;

template <bool kAligned, class S>
__device__ float row_rstd(const S* x, int64_t H, float eps) {
  float squares = 0.f;
  for (int64_t p = threadIdx.x; p < divide_up(H, kPack<S>); p += blockDim.x) {
    float v[kPack<S>];
    load_pack<kAligned>(x, p, H, v);
#pragma unroll
    for (int j = 0; j < kPack<S>; ++j) squares = fmaf(v[j], v[j], squares);
  }
  return 1.f / sqrtf(block_sum(squares) / static_cast<float>(H) + eps);
}

template <bool kAligned, class S>
__device__ void row_norm(const S* x, const S* w, const S* residual, float rstd, S* y, int64_t H) {
  for (int64_t p = threadIdx.x; p < divide_up(H, kPack<S>); p += blockDim.x) {
    float v[kPack<S>], gain[kPack<S>];
    load_pack<kAligned>(x, p, H, v);
    load_pack<kAligned>(w, p, H, gain);
#pragma unroll
    for (int j = 0; j < kPack<S>; ++j) v[j] = v[j] * rstd * (gain[j] + 1.f);
    if (residual) {
      float add[kPack<S>];
      load_pack<kAligned>(residual, p, H, add);
#pragma unroll
      for (int j = 0; j < kPack<S>; ++j) v[j] += add[j];
    }
    store_pack<kAligned>(y, p, H, v);
  }
}

template <class S, bool kAligned>
__global__ void __launch_bounds__(kMostThreads)
    forward_kernel(const S* x, const S* w, const S* residual, S* y, float* rstd, int64_t H, float eps) {
  const int64_t row = blockIdx.x, at = row * H;
  const float scale = row_rstd<kAligned>(x + at, H, eps);
  row_norm<kAligned>(x + at, w, residual ? residual + at : nullptr, scale, y + at, H);
  if (rstd && threadIdx.x == 0) rstd[row] = scale;
}

template <class S, bool kAligned>
__global__ void __launch_bounds__(kMostThreads)
    add_forward_kernel(const S* residual, const S* x, const S* post, const S* pre, S* h, S* y, float* rstd_x,
                       float* rstd_h, int64_t H, float eps) {
  const int64_t row = blockIdx.x, at = row * H;
  const float scale_x = row_rstd<kAligned>(x + at, H, eps);
  row_norm<kAligned>(x + at, post, residual + at, scale_x, h + at, H);
  // Every thread reads back only what it wrote itself.
  const float scale_h = row_rstd<kAligned>(h + at, H, eps);
  row_norm<kAligned>(h + at, pre, static_cast<const S*>(nullptr), scale_h, y + at, H);
  if (threadIdx.x != 0) return;
  if (rstd_x) rstd_x[row] = scale_x;
  if (rstd_h) rstd_h[row] = scale_h;
}

// With g = dy (1 + w) and n = x rstd: dx = rstd (g - n mean(g n)), dw = sum over rows of dy n. A block takes
// `chunk` rows in turn; the dynamic shared memory holds its dw, each element owned by one thread.
template <class S, bool kAligned>
__global__ void __launch_bounds__(kMostThreads)
    backward_kernel(const S* dy, const S* x, const S* w, const float* rstd, const S* extra, S* dx, float* partial,
                    int64_t rows, int64_t chunk, int64_t H) {
  constexpr int N = kPack<S>;
  float* dw = dynamic_shared<float>();
  const int64_t packs = divide_up(H, N), first = blockIdx.x * chunk;
  const int64_t last = first + chunk < rows ? first + chunk : rows;
  if (partial)
    for (int64_t p = threadIdx.x; p < packs; p += blockDim.x)
      for (int j = 0; j < N && p * N + j < H; ++j) dw[p * N + j] = 0.f;
  for (int64_t row = first; row < last; ++row) {
    const S *dy_row = dy + row * H, *x_row = x + row * H;
    const float scale = rstd[row];
    float inner = 0.f;
    for (int64_t p = threadIdx.x; p < packs; p += blockDim.x) {
      float d[N], n[N], gain[N];
      load_pack<kAligned>(dy_row, p, H, d);
      load_pack<kAligned>(x_row, p, H, n);
      load_pack<kAligned>(w, p, H, gain);
#pragma unroll
      for (int j = 0; j < N; ++j) {
        n[j] *= scale;
        inner = fmaf(d[j] * (gain[j] + 1.f), n[j], inner);
      }
      if (partial)
        for (int j = 0; j < N && p * N + j < H; ++j) dw[p * N + j] = fmaf(d[j], n[j], dw[p * N + j]);
    }
    const float mean = block_sum(inner) / static_cast<float>(H);
    for (int64_t p = threadIdx.x; p < packs; p += blockDim.x) {
      float d[N], n[N], gain[N];
      load_pack<kAligned>(dy_row, p, H, d);
      load_pack<kAligned>(x_row, p, H, n);
      load_pack<kAligned>(w, p, H, gain);
#pragma unroll
      for (int j = 0; j < N; ++j) d[j] = (d[j] * (gain[j] + 1.f) - n[j] * scale * mean) * scale;
      if (extra) {
        float add[N];
        load_pack<kAligned>(extra + row * H, p, H, add);
#pragma unroll
        for (int j = 0; j < N; ++j) d[j] += add[j];
      }
      store_pack<kAligned>(dx + row * H, p, H, d);
    }
  }
  if (partial)
    for (int64_t p = threadIdx.x; p < packs; p += blockDim.x)
      for (int j = 0; j < N && p * N + j < H; ++j) partial[blockIdx.x * H + p * N + j] = dw[p * N + j];
}

}  // namespace

template <class S>
void rms_norm_forward(const S* x, const S* w, const S* residual, S* y, float* rstd, int64_t rows, int64_t H, float eps,
                      cudaStream_t stream) {
  const auto kernel = packed_rows<S>(H, x, w, residual, y) ? forward_kernel<S, true> : forward_kernel<S, false>;
  launch(kernel, rows, threads_for(divide_up(H, kPack<S>), kMostThreads), 0, stream, x, w, residual, y, rstd, H, eps);
}

template <class S>
void add_rms_norm_forward(const S* residual, const S* x, const S* post, const S* pre, S* h, S* y, float* rstd_x,
                          float* rstd_h, int64_t rows, int64_t H, float eps, cudaStream_t stream) {
  const auto kernel = packed_rows<S>(H, residual, x, post, pre, h, y) ? add_forward_kernel<S, true>
                                                                      : add_forward_kernel<S, false>;
  launch(kernel, rows, threads_for(divide_up(H, kPack<S>), kMostThreads), 0, stream, residual, x, post, pre, h, y,
         rstd_x, rstd_h, H, eps);
}

template <class S>
void rms_norm_backward(const S* dy, const S* x, const S* w, const float* rstd, const S* extra, S* dx, float* partial,
                       S* dw, int64_t rows, int64_t H, cudaStream_t stream) {
  const int64_t shared = partial ? H * static_cast<int64_t>(sizeof(float)) : 0;
  if (shared > kSharedBytes)
    throw std::invalid_argument("rms_norm: expected rows of at most 12288 for the weight's gradient, got " +
                                std::to_string(H) + ".");
  const auto kernel = packed_rows<S>(H, dy, x, w, extra, dx) ? backward_kernel<S, true> : backward_kernel<S, false>;
  const int64_t chunk = rows ? divide_up(rows, gradient_parts(rows)) : 1, blocks = divide_up(rows, chunk);
  launch(kernel, blocks, threads_for(divide_up(H, kPack<S>), kMostThreads), shared, stream, dy, x, w, rstd, extra, dx,
         partial, rows, chunk, H);
  if (partial) column_sums(partial, blocks, H, dw, stream);
}

#define MIRA_INSTANTIATE(S)                                                                                        \
  template void rms_norm_forward<S>(const S*, const S*, const S*, S*, float*, int64_t, int64_t, float, cudaStream_t); \
  template void add_rms_norm_forward<S>(const S*, const S*, const S*, const S*, S*, S*, float*, float*, int64_t,   \
                                        int64_t, float, cudaStream_t);                                             \
  template void rms_norm_backward<S>(const S*, const S*, const S*, const float*, const S*, S*, float*, S*, int64_t, \
                                     int64_t, cudaStream_t);
MIRA_INSTANTIATE(float)
MIRA_INSTANTIATE(Bf16)
#undef MIRA_INSTANTIATE

}  // namespace mira::kernels::cuda
