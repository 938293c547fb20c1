// Packing of weight panels and the threaded product over them; see packed_linear.h.
#include "native/core/packed_linear.h"
#include <ATen/Parallel.h>
#include <algorithm>

namespace mira {
namespace {

using kernels::kPanel;

// Multiply-adds below which waking another thread costs more than it saves.
constexpr int64_t kWorthAThread = 1 << 21;
constexpr int64_t kRowChunk = 48;  // a multiple of the tiles' row counts; keeps a panel in cache meanwhile

}  // namespace

PackedLinear::PackedLinear(const at::Tensor& weight_OI)
    : outputs_(weight_OI.size(0)), inputs_(weight_OI.size(1)) {
  at::NoGradGuard no_grad;
  const int64_t panels = kernels::panels_of(outputs_), full = outputs_ / kPanel;
  const at::Tensor w = weight_OI.detach();
  panels_ = at::empty({panels, inputs_, kPanel}, w.options().requires_grad(false));
  if (full > 0)
    panels_.narrow(0, 0, full).copy_(w.narrow(0, 0, full * kPanel).view({full, kPanel, inputs_}).transpose(1, 2));
  if (panels > full) {
    const int64_t rest = outputs_ - full * kPanel;
    at::Tensor tail = panels_.select(0, full);
    tail.zero_();
    tail.narrow(1, 0, rest).copy_(w.narrow(0, full * kPanel, rest).t());
  }
}

void PackedLinear::adapt(const LoraPair& pair, double scale, int64_t row, at::ScalarType dtype) {
  if (!pair.a_RI.defined()) return;
  at::NoGradGuard no_grad;
  adapters_.push_back({PackedLinear(pair.a_RI.to(dtype).to(at::kFloat)),
                       PackedLinear(pair.b_OR.to(dtype).to(at::kFloat).mul(scale)), row, dtype == at::kBFloat16});
}

void PackedLinear::operator()(const float* x, int64_t rows, float* y) const {
  const kernels::RowKernels& k = kernels::row_kernels();
  const int64_t panels = kernels::panels_of(outputs_), chunks = (rows + kRowChunk - 1) / kRowChunk;
  const auto work = [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t panel = unit / chunks, first = unit % chunks * kRowChunk;
      const int64_t n = std::min(kRowChunk, rows - first), cols = std::min(kPanel, outputs_ - panel * kPanel);
      const float* xs = x + first * inputs_;
      float* ys = y + first * outputs_ + panel * kPanel;
      if (panels_.scalar_type() == at::kFloat)
        k.gemm_f32(xs, inputs_, n, inputs_, panels_.const_data_ptr<float>() + panel * inputs_ * kPanel, ys,
                   outputs_, cols);
      else
        k.gemm_bf16(xs, inputs_, n, inputs_,
                    static_cast<const uint16_t*>(panels_.const_data_ptr()) + panel * inputs_ * kPanel, ys, outputs_,
                    cols);
    }
  };
  const int64_t unit_work = std::min(rows, kRowChunk) * inputs_ * kPanel;
  at::parallel_for(0, panels * chunks, std::max<int64_t>(1, kWorthAThread / unit_work), work);

  for (const Adapter& adapter : adapters_) {
    const int64_t rank = adapter.down.outputs(), width = adapter.up.outputs();
    std::vector<float> low(static_cast<size_t>(rows * rank)), delta(static_cast<size_t>(rows * width));
    adapter.down(x, rows, low.data());
    if (adapter.rounds) k.round_bf16(low.data(), rows * rank);
    adapter.up(low.data(), rows, delta.data());
    for (int64_t r = 0; r < rows; ++r) {
      float* to = y + r * outputs_ + adapter.row;
      k.add(to, delta.data() + r * width, width, to);
    }
  }
}

}  // namespace mira
