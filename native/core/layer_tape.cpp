// Attention on a tape; see layer_tape.h.
#include "native/core/layer_tape.h"
#include <torch/csrc/autograd/custom_function.h>

namespace mira {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// The backward half of attention behind results that are already known.
struct NotedAttention : Function<NotedAttention> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const kernels::AttentionForward* noted, const at::Tensor& offsets_B1, int64_t window,
                            double scale, int64_t longest) {
    ctx->save_for_backward({q, k, v, noted->out_TQD, noted->lse, noted->rng, noted->unused, offsets_B1});
    ctx->saved_data["window"] = window;
    ctx->saved_data["scale"] = scale;
    ctx->saved_data["longest"] = longest;
    return noted->out_TQD.detach();  // apply marks what is returned: not the tape's own handle
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto s = ctx->get_saved_variables();
    auto [dq, dk, dv] = kernels::varlen_attention_backward(
        grads[0].contiguous(), s[0], s[1], s[2], {s[3], s[4], s[5], s[6]}, s[7], ctx->saved_data["window"].toInt(),
        ctx->saved_data["scale"].toDouble(), ctx->saved_data["longest"].toInt());
    return {dq, dk, dv, {}, {}, {}, {}, {}};
  }
};

}  // namespace

at::Tensor taped_attention(LayerTape* tape, const at::Tensor& q_TQD, const at::Tensor& k_TKD, const at::Tensor& v_TKD,
                           const at::Tensor& offsets_B1, int64_t window, double scale, int64_t longest) {
  if (!tape) return kernels::varlen_attention(q_TQD, k_TKD, v_TKD, offsets_B1, window, scale, longest);
  if (tape->filled)
    return NotedAttention::apply(q_TQD, k_TKD, v_TKD, static_cast<const kernels::AttentionForward*>(&tape->attention),
                                 offsets_B1, window, scale, longest);
  tape->attention = kernels::varlen_attention_forward_lse(q_TQD, k_TKD, v_TKD, offsets_B1, window, scale, longest);
  return tape->attention.out_TQD;
}

}  // namespace mira
