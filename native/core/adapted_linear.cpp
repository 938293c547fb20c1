// The autograd node of a linear layer with adapters; see adapted_linear.h. The A matrices of one input lie side by
// side so that one product reads x once; x A^T is small and is computed again in backward.
#include "native/core/adapted_linear.h"
#include <torch/csrc/autograd/custom_function.h>

namespace mira {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// One adapted column block [begin, begin + width) of y; its rows [row, row + rank) in the stacked A.
struct Block { int64_t begin, width, row, rank; };

struct Plan {
  std::vector<Block> blocks;
  variable_list matrices;  // a, b of each block
  int64_t rank = 0;        // of all blocks together
};

Plan plan_of(const Adapters& adapters) {
  Plan plan;
  int64_t begin = 0;
  for (size_t i = 0; i < adapters.pairs.size(); begin += adapters.widths[i++]) {
    const LoraPair& pair = *adapters.pairs[i];
    if (!pair.a_RI.defined()) continue;
    const int64_t rank = pair.a_RI.size(0);
    plan.blocks.push_back({begin, adapters.widths[i], plan.rank, rank});
    plan.matrices.insert(plan.matrices.end(), {pair.a_RI, pair.b_OR});
    plan.rank += rank;
  }
  return plan;
}

at::Tensor stacked_a(const std::vector<at::Tensor>& matrices, at::ScalarType dtype) {
  std::vector<at::Tensor> a;
  for (size_t i = 0; i < matrices.size(); i += 2) a.push_back(matrices[i]);
  return (a.size() == 1 ? a[0] : at::cat(a, 0)).to(dtype);
}

struct AdaptedLinear : Function<AdaptedLinear> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& w, at::TensorList matrices,
                            const Plan* plan, double scale, const at::Tensor* value) {
    const bool keep_x = w.requires_grad() || !matrices.empty();
    variable_list saved{w, keep_x ? x : at::Tensor()};
    saved.insert(saved.end(), matrices.begin(), matrices.end());
    ctx->save_for_backward(saved);
    ctx->saved_data["scale"] = scale;
    std::vector<int64_t> layout;
    for (const Block& b : plan->blocks) layout.insert(layout.end(), {b.begin, b.width, b.row, b.rank});
    ctx->saved_data["blocks"] = layout;
    if (value->defined()) return value->detach();  // apply marks what is returned: not the caller's own handle
    at::Tensor y = at::linear(x, w);
    if (plan->blocks.empty()) return y;
    const at::Tensor u = at::linear(x, stacked_a(plan->matrices, x.scalar_type()));
    for (size_t i = 0; i < plan->blocks.size(); ++i) {
      const Block& b = plan->blocks[i];
      y.narrow(1, b.begin, b.width)
          .addmm_(u.narrow(1, b.row, b.rank), matrices[2 * i + 1].to(x.scalar_type()).t(), 1.0, scale);
    }
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &w = saved[0], &x = saved[1], dy = grads[0].contiguous();
    const std::vector<at::Tensor> matrices(saved.begin() + 2, saved.end());
    const std::vector<int64_t> layout = ctx->saved_data["blocks"].toIntVector();
    const double scale = ctx->saved_data["scale"].toDouble();
    const bool to_x = ctx->needs_input_grad(0);
    variable_list result(saved.size() + 3);  // the last slots stand for plan, scale and value
    at::Tensor dx = to_x ? at::mm(dy, w) : at::Tensor();
    if (ctx->needs_input_grad(1)) result[1] = at::mm(dy.t(), x);
    if (!matrices.empty()) {
      const at::ScalarType dtype = dy.scalar_type();
      const at::Tensor a = stacked_a(matrices, dtype), u = at::linear(x, a);
      at::Tensor du = at::empty_like(u);
      for (size_t i = 0; 2 * i < matrices.size(); ++i) {
        const int64_t* b = layout.data() + 4 * i;
        const at::Tensor dy_block = dy.narrow(1, b[0], b[1]), &up = matrices[2 * i + 1];
        du.narrow(1, b[2], b[3]).copy_(at::mm(dy_block, up.to(dtype)).mul_(scale));
        result[2 + 2 * i + 1] = at::mm(dy_block.t(), u.narrow(1, b[2], b[3])).to(up.scalar_type()).mul_(scale);
      }
      const at::Tensor da = at::mm(du.t(), x);
      for (size_t i = 0; 2 * i < matrices.size(); ++i)
        result[2 + 2 * i] = da.narrow(0, layout[4 * i + 2], layout[4 * i + 3]).to(matrices[2 * i].scalar_type());
      if (to_x) dx.addmm_(du, a);
    }
    result[0] = dx;
    return result;
  }
};

}  // namespace

at::Tensor adapted_linear(const at::Tensor& x_TI, const at::Tensor& w_OI, const Adapters& adapters,
                          const at::Tensor& value) {
  const Plan plan = plan_of(adapters);
  return AdaptedLinear::apply(x_TI, w_OI, at::TensorList(plan.matrices), &plan, adapters.scale, &value);
}

}  // namespace mira
