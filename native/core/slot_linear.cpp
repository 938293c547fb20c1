// Linear layers with unmerged adapters; see slot_linear.h.
#include "native/core/slot_linear.h"
#include "native/kernels/exact_linear.h"

namespace mira {

SlotLinear::SlotLinear(const at::Tensor& weight_OI, const std::vector<const LoraPair*>& pairs,
                       const std::vector<int64_t>& widths, double scale, bool exact)
    : weight_OI_(weight_OI.detach()), scale_(scale), exact_(exact) {
  int64_t row = 0, column = 0;
  for (size_t i = 0; i < pairs.size(); row += widths[i++]) {
    if (!pairs[i]->a_RI.defined()) continue;
    const int64_t rank = pairs[i]->a_RI.size(0);
    blocks_.push_back({*pairs[i], row, widths[i], column, at::empty({widths[i], rank}, weight_OI.options())});
    column += rank;
  }
  if (column > 0) a_RI_ = at::empty({column, weight_OI.size(1)}, weight_OI.options());
  refresh();
}

void SlotLinear::refresh() {
  at::NoGradGuard no_grad;
  for (Block& block : blocks_) {
    a_RI_.narrow(0, block.column, block.pair.a_RI.size(0)).copy_(block.pair.a_RI);
    block.b_OR.copy_(block.pair.b_OR);
  }
}

at::Tensor SlotLinear::operator()(const at::Tensor& x_TI) const {
  if (exact_) return exact(x_TI);
  at::Tensor y_TO = at::linear(x_TI, weight_OI_);
  if (blocks_.empty()) return y_TO;
  const at::Tensor u_TR = at::linear(x_TI, a_RI_);
  for (const Block& block : blocks_)
    y_TO.narrow(1, block.row, block.width)
        .addmm_(u_TR.narrow(1, block.column, block.b_OR.size(1)), block.b_OR.t(), 1, scale_);
  return y_TO;
}

at::Tensor SlotLinear::exact(const at::Tensor& x_TI) const {
  const at::ScalarType dtype = weight_OI_.scalar_type();
  const at::Tensor x = x_TI.contiguous();
  if (blocks_.empty()) return kernels::exact_linear(x, weight_OI_, dtype);
  const at::Tensor y_TO = kernels::exact_linear(x, weight_OI_, at::kFloat), u_TR = kernels::exact_linear(x, a_RI_, dtype);
  for (const Block& block : blocks_) {
    const at::Tensor u = u_TR.narrow(1, block.column, block.b_OR.size(1)).contiguous();
    y_TO.narrow(1, block.row, block.width).add_(kernels::exact_linear(u, block.b_OR, at::kFloat), scale_);
  }
  return y_TO.to(dtype);
}

}  // namespace mira
