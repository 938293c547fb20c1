// The trace of the slot decoder in its exact mode: its layers and kernels over the packed batch itself, whose keys need
// no slots. Same queries, same keys in the same order, same kernels: the same bits.
#include <ATen/core/grad_mode.h>
#include <cmath>
#include <utility>
#include "native/core/cancelled.h"
#include "native/core/exact.h"
#include "native/core/exact_keys.h"
#include "native/core/forward.h"
#include "native/core/slot_layers.h"
#include "native/core/weights_version.h"
#include "native/kernels/qk_norm_rope.h"

namespace mira {
namespace {

class SlotForward final : public ExactForward {
 public:
  explicit SlotForward(std::shared_ptr<const Role> role) : role_(std::move(role)) {}

  Trace trace(const PackedBatch& batch, bool keep_residuals, const std::atomic<bool>* cancelled) override {
    at::NoGradGuard no_grad;
    follow_weights();
    const GemmaConfig& c = role_->weights->config;
    const at::Device device = role_->weights->embed_VH.device();
    const Geometry geometry = geometry_of(batch, device);
    const int64_t B = batch.sequences(), T = batch.tokens();
    const at::Tensor offsets_B1 = batch.offsets_B1.to(device);
    const SlotKeys keys{offsets_B1, offsets_B1.narrow(0, 1, B) - offsets_B1.narrow(0, 0, B), geometry.longest};
    const kernels::KeyRows global = key_rows(offsets_B1, T, keys, 0);
    const kernels::KeyRows local = key_rows(offsets_B1, T, keys, c.sliding_window);
    const double scale = std::pow(c.query_pre_attn_scalar, -0.5);
    const Attend attend = [&](size_t i, const at::Tensor& qkv_TC) {
      poll(cancelled);
      const LayerWeights& w = role_->weights->layers[i];
      const bool is_global = c.layer_is_global[i];
      auto [q_TQD, k_TKD, v_TKD] = kernels::qk_norm_rope_forward(
          qkv_TC, w.q_norm_D, w.k_norm_D, geometry.pos_T, rope_table(c, is_global, geometry.longest, device), c.heads,
          c.kv_heads, c.rms_eps);
      return kernels::exact_attention(q_TQD, k_TKD, v_TKD, is_global ? global : local, scale);
    };
    Trace trace;
    const ObserveResidual keep = [&](size_t, const at::Tensor& h_TH) {
      if (keep_residuals) trace.residual_TH.push_back(h_TH);
    };
    trace.hidden_TH = run_slot_layers(*role_, layers_, batch.ids_T.to(device), attend, keep);
    return trace;
  }

  void logits(const at::Tensor& hidden_nH, at::Tensor& logits_nV) override {
    logits_nV.copy_(slot_logits(*role_, hidden_nH.detach().to(role_->weights->dtype()), /*exact=*/true));
  }

 private:
  void follow_weights() {
    const int64_t version = weights_version(*role_);
    if (std::exchange(version_, version) != version || layers_.empty()) layers_ = slot_layers(*role_, /*exact=*/true);
  }

  std::shared_ptr<const Role> role_;
  std::vector<SlotLayer> layers_;
  int64_t version_ = -1;
};

}  // namespace

std::unique_ptr<ExactForward> make_slot_forward(std::shared_ptr<const Role> role) {
  return std::make_unique<SlotForward>(std::move(role));
}

}  // namespace mira
