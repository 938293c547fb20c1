// RMSNorm on CUDA, y = x rsqrt(mean(x^2) + eps) (1 + w), alone and fused with residual adds; rms_norm.h is the
// twin and the meaning. S is float or Bf16, arithmetic float32. A row's result depends on that row alone.
#pragma once
#include "native/kernels/cuda/types.h"

namespace mira::kernels::cuda {

// y = rms_norm(x; w), plus residual unless it is null. x, residual, y [rows,H]; rstd float32 [rows] or null.
template <class S>
void rms_norm_forward(const S* x, const S* w, const S* residual, S* y, float* rstd, int64_t rows, int64_t H, float eps,
                      cudaStream_t stream);

// h = residual + rms_norm(x; post), y = rms_norm(h; pre), with h rounded to S before its own norm. The rstds may be
// null.
template <class S>
void add_rms_norm_forward(const S* residual, const S* x, const S* post, const S* pre, S* h, S* y, float* rstd_x,
                          float* rstd_h, int64_t rows, int64_t H, float eps, cudaStream_t stream);

// dx, plus extra unless it is null; and, unless partial is null, dw [H] through partial float32
// [gradient_parts(rows), H]. H at most 12288 when dw is wanted.
template <class S>
void rms_norm_backward(const S* dy, const S* x, const S* w, const float* rstd, const S* extra, S* dx, float* partial,
                       S* dw, int64_t rows, int64_t H, cudaStream_t stream);

}  // namespace mira::kernels::cuda
