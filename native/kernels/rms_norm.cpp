// RMSNorm, alone, added to a residual, and as the seam between two branches; see rms_norm.h. The CPU's loops are
// here, CUDA's in cuda/rms_norm.cu.
#include "native/kernels/rms_norm.h"
#include <torch/csrc/autograd/custom_function.h>
#include "native/kernels/dispatch.h"
#include "native/kernels/rms_row.h"
#ifdef MIRA_CUDA
#include "native/kernels/cuda/aten.h"
#include "native/kernels/cuda/column_sums.cuh"
#include "native/kernels/cuda/rms_norm.cuh"
#endif

namespace mira::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

void check(const at::Tensor& x, const at::Tensor& w_H) {
  require(x.dim() >= 1 && x.is_contiguous(), "rms_norm", "expected a contiguous x");
  require(w_H.dim() == 1 && w_H.size(0) == x.size(-1) && w_H.is_contiguous(), "rms_norm",
          "expected w to have the size of x's last dimension");
  require(w_H.device() == x.device(), "rms_norm", "expected x and w on one device");
  require(w_H.scalar_type() == x.scalar_type(), "rms_norm", "expected x and w of one dtype");
}

int64_t rows_of(const at::Tensor& x) { return x.size(-1) == 0 ? 0 : x.numel() / x.size(-1); }

// {y or residual + y, rstd [rows]}; rstd is float32 and is what backward needs beside x.
std::pair<at::Tensor, at::Tensor> norm(const at::Tensor& x, const at::Tensor& w_H, const at::Tensor& residual,
                                       double eps) {
  check(x, w_H);
  const int64_t H = x.size(-1), rows = rows_of(x);
  at::Tensor y = at::empty_like(x), rstd = at::empty({rows}, x.options().dtype(at::kFloat));
  if (on_cuda(x, "rms_norm")) {
#ifdef MIRA_CUDA
    dispatch(x.scalar_type(), "rms_norm", [&](auto zero) {
      using S = decltype(zero);
      cuda::on_device_of(x, [&](cudaStream_t stream) {
        cuda::rms_norm_forward(cuda::input<S>(x), cuda::input<S>(w_H), cuda::input<S>(residual), cuda::output<S>(y),
                               rstd.data_ptr<float>(), rows, H, static_cast<float>(eps), stream);
      });
    });
#endif
    return {y, rstd};
  }
  dispatch(x.scalar_type(), "rms_norm", [&](auto zero) {
    using S = decltype(zero);
    const S *px = x.const_data_ptr<S>(), *pw = w_H.const_data_ptr<S>();
    const S* pr = residual.defined() ? residual.const_data_ptr<S>() : nullptr;
    S* py = y.data_ptr<S>();
    float* ps = rstd.data_ptr<float>();
    at::parallel_for(0, rows, grain(H), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        ps[t] = row_rstd(px + t * H, H, eps);
        row_norm(px + t * H, pw, pr ? pr + t * H : nullptr, ps[t], py + t * H, H);
      }
    });
  });
  return {y, rstd};
}

#ifdef MIRA_CUDA
std::pair<at::Tensor, at::Tensor> norm_backward_cuda(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& w_H,
                                                     const at::Tensor& rstd, const at::Tensor& extra, bool want_dw) {
  const int64_t H = x.size(-1), rows = rows_of(x);
  at::Tensor dx = at::empty_like(x), dw, partial;
  if (want_dw) {
    dw = at::empty_like(w_H);
    partial = at::empty({cuda::gradient_parts(rows), H}, x.options().dtype(at::kFloat));
  }
  dispatch(x.scalar_type(), "rms_norm", [&](auto zero) {
    using S = decltype(zero);
    cuda::on_device_of(x, [&](cudaStream_t stream) {
      cuda::rms_norm_backward(cuda::input<S>(dy), cuda::input<S>(x), cuda::input<S>(w_H), cuda::input<float>(rstd),
                              cuda::input<S>(extra), cuda::output<S>(dx), cuda::output<float>(partial),
                              cuda::output<S>(dw), rows, H, stream);
    });
  });
  return {dx, dw};
}
#endif

// {dx, dw}; `extra`, when defined, is added to dx: the gradient that reaches x by another way. dw is undefined
// where it is not wanted.
std::pair<at::Tensor, at::Tensor> norm_backward(const at::Tensor& dy_any, const at::Tensor& x, const at::Tensor& w_H,
                                                const at::Tensor& rstd, const at::Tensor& extra_any, bool want_dw) {
  const at::Tensor dy = dy_any.contiguous();
  const at::Tensor extra = extra_any.defined() ? extra_any.contiguous() : extra_any;
  if (on_cuda(x, "rms_norm")) {
#ifdef MIRA_CUDA
    return norm_backward_cuda(dy, x, w_H, rstd, extra, want_dw);
#endif
  }
  const int64_t H = x.size(-1), rows = rows_of(x);
  at::Tensor dx = at::empty_like(x), dw_threads = per_thread_rows(H);
  dispatch(x.scalar_type(), "rms_norm", [&](auto zero) {
    using S = decltype(zero);
    const S *pd = dy.const_data_ptr<S>(), *px = x.const_data_ptr<S>(), *pw = w_H.const_data_ptr<S>();
    const S* pe = extra.defined() ? extra.const_data_ptr<S>() : nullptr;
    const float* ps = rstd.const_data_ptr<float>();
    S* pdx = dx.data_ptr<S>();
    float* pdw = dw_threads.data_ptr<float>();
    at::parallel_for(0, rows, grain(H), [&](int64_t begin, int64_t end) {
      float* dw = pdw + at::get_thread_num() * H;
      for (int64_t t = begin; t < end; ++t)
        row_norm_backward(pd + t * H, px + t * H, pw, ps[t], pe ? pe + t * H : nullptr, pdx + t * H, dw, H);
    });
  });
  return {dx, want_dw ? dw_threads.sum(0).to(w_H.scalar_type()) : at::Tensor()};
}

struct RmsNorm : Function<RmsNorm> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& w_H, double eps) {
    auto [y, rstd] = norm(x, w_H, {}, eps);
    ctx->save_for_backward({x, w_H, rstd});
    return y;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    auto [dx, dw] = norm_backward(grads[0], saved[0], saved[1], saved[2], {}, ctx->needs_input_grad(1));
    return {dx, dw, {}};
  }
};

struct RmsNormAdd : Function<RmsNormAdd> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& residual, const at::Tensor& x,
                            const at::Tensor& w_H, double eps) {
    auto [y, rstd] = norm(x, w_H, residual, eps);
    ctx->save_for_backward({x, w_H, rstd});
    return y;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    auto [dx, dw] = norm_backward(grads[0], saved[0], saved[1], saved[2], {}, ctx->needs_input_grad(2));
    return {grads[0], dx, dw, {}};
  }
};

struct AddRmsNorm : Function<AddRmsNorm> {
  static variable_list forward(AutogradContext* ctx, const at::Tensor& residual, const at::Tensor& x,
                               const at::Tensor& w_post_H, const at::Tensor& w_pre_H, double eps) {
    auto [h, rstd_x] = norm(x, w_post_H, residual, eps);
    auto [y, rstd_h] = norm(h, w_pre_H, {}, eps);
    ctx->save_for_backward({x, w_post_H, rstd_x, h, w_pre_H, rstd_h});
    return {h, y};
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    auto [dh, dw_pre] = norm_backward(grads[1], saved[3], saved[4], saved[5], grads[0], ctx->needs_input_grad(3));
    auto [dx, dw_post] = norm_backward(dh, saved[0], saved[1], saved[2], {}, ctx->needs_input_grad(2));
    return {dh, dx, dw_post, dw_pre, {}};
  }
};

}  // namespace

at::Tensor rms_norm_forward(const at::Tensor& x, const at::Tensor& w_H, double eps) {
  at::NoGradGuard no_grad;
  return norm(x, w_H, {}, eps).first;
}

std::pair<at::Tensor, at::Tensor> add_rms_norm_forward(const at::Tensor& residual, const at::Tensor& x,
                                                       const at::Tensor& w_post_H, const at::Tensor& w_pre_H,
                                                       double eps) {
  at::NoGradGuard no_grad;
  check(x, w_post_H);
  check(residual, w_pre_H);
  require(residual.sizes() == x.sizes() && residual.device() == x.device(), "add_rms_norm",
          "expected residual and x of one shape on one device");
  const int64_t H = x.size(-1), rows = rows_of(x);
  at::Tensor h = at::empty_like(x), y = at::empty_like(x);
  if (on_cuda(x, "add_rms_norm")) {
#ifdef MIRA_CUDA
    dispatch(x.scalar_type(), "add_rms_norm", [&](auto zero) {
      using S = decltype(zero);
      cuda::on_device_of(x, [&](cudaStream_t stream) {
        cuda::add_rms_norm_forward(cuda::input<S>(residual), cuda::input<S>(x), cuda::input<S>(w_post_H),
                                   cuda::input<S>(w_pre_H), cuda::output<S>(h), cuda::output<S>(y),
                                   static_cast<float*>(nullptr), static_cast<float*>(nullptr), rows, H,
                                   static_cast<float>(eps), stream);
      });
    });
#endif
    return {h, y};
  }
  dispatch(x.scalar_type(), "add_rms_norm", [&](auto zero) {
    using S = decltype(zero);
    const S *pr = residual.const_data_ptr<S>(), *px = x.const_data_ptr<S>();
    const S *post = w_post_H.const_data_ptr<S>(), *pre = w_pre_H.const_data_ptr<S>();
    S *ph = h.data_ptr<S>(), *py = y.data_ptr<S>();
    at::parallel_for(0, rows, grain(H), [&](int64_t begin, int64_t end) {
      for (int64_t at_row = begin * H; at_row < end * H; at_row += H) {
        row_norm(px + at_row, post, pr + at_row, row_rstd(px + at_row, H, eps), ph + at_row, H);
        row_norm(ph + at_row, pre, static_cast<const S*>(nullptr), row_rstd(ph + at_row, H, eps), py + at_row, H);
      }
    });
  });
  return {h, y};
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& w_H, double eps) {
  return RmsNorm::apply(x.contiguous(), w_H, eps);
}

at::Tensor rms_norm_add(const at::Tensor& residual, const at::Tensor& x, const at::Tensor& w_H, double eps) {
  require(residual.sizes() == x.sizes(), "rms_norm_add", "expected residual and x of one shape");
  return RmsNormAdd::apply(residual.contiguous(), x.contiguous(), w_H, eps);
}

std::pair<at::Tensor, at::Tensor> add_rms_norm(const at::Tensor& residual, const at::Tensor& x,
                                               const at::Tensor& w_post_H, const at::Tensor& w_pre_H, double eps) {
  require(residual.sizes() == x.sizes(), "add_rms_norm", "expected residual and x of one shape");
  auto out = AddRmsNorm::apply(residual.contiguous(), x.contiguous(), w_post_H, w_pre_H, eps);
  return {out[0], out[1]};
}

}  // namespace mira::kernels
