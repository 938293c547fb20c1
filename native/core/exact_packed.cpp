// The trace of the packed decoder: PackedModel over a packed batch, a bounded number of tokens at a time.
#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <optional>
#include "native/core/cancelled.h"
#include "native/core/exact.h"
#include "native/core/packed_model.h"
#include "native/core/weights_version.h"

namespace mira {
namespace {

// Tokens per pass: bounds the float32 rows in flight. No result depends on it.
constexpr int64_t kPass = 512;

class PackedForward final : public ExactForward {
 public:
  explicit PackedForward(std::shared_ptr<const Role> role) : role_(role), model_(std::move(role)) {}

  Trace trace(const PackedBatch& batch, bool keep_residuals, const std::atomic<bool>* cancelled) override {
    at::NoGradGuard no_grad;
    follow_weights();
    const GemmaConfig& c = role_->weights->config;
    const int64_t T = batch.tokens(), H = c.hidden;
    const auto options = at::TensorOptions().dtype(role_->weights->dtype());
    Trace trace{{}, at::empty({T, H}, options)};
    for (int64_t i = 0; keep_residuals && i <= c.layers; ++i) trace.residual_TH.push_back(at::empty({T, H}, options));
    const int32_t *ids = batch.ids_T.const_data_ptr<int32_t>(), *offsets = batch.offsets_B1.const_data_ptr<int32_t>();
    int64_t longest = 1;
    for (int64_t b = 0; b < batch.sequences(); ++b) longest = std::max<int64_t>(longest, offsets[b + 1] - offsets[b]);
    const auto layout = std::make_shared<const KvLayout>(c, role_->weights->dtype(), longest, std::min(longest, kPass));
    std::vector<std::optional<KvCache>> caches(static_cast<size_t>(batch.sequences()));
    std::vector<float> rows;
    const auto keep = [&](const float* from, int64_t first, int64_t n, at::Tensor& to_TH) {
      to_TH.narrow(0, first, n).copy_(at::from_blob(const_cast<float*>(from), {n, H}, at::kFloat));
    };
    for (int64_t from = 0, b = 0; from < T;) {  // a pass is a contiguous piece of the packed tokens
      poll(cancelled);
      const int64_t until = std::min(T, from + kPass), first = b;
      model_.begin();
      for (int64_t at = from; at < until;) {
        while (offsets[b + 1] <= at) ++b;
        if (!caches[b]) caches[b].emplace(layout);
        const int64_t end = std::min<int64_t>(until, offsets[b + 1]);
        model_.add(*caches[b], ids + at, end - at);
        at = end;
      }
      const int64_t n = until - from;
      model_.run([&](int64_t i, const float* h_TH) {
        if (keep_residuals) keep(h_TH, from, n, trace.residual_TH[i]);
      });
      rows.resize(static_cast<size_t>(n * H));
      for (int64_t t = 0; t < n; ++t) model_.hidden(t, rows.data() + t * H);
      keep(rows.data(), from, n, trace.hidden_TH);
      // Sequences that end here need their keys no longer.
      for (int64_t done = first; done <= b; ++done)
        if (offsets[done + 1] <= until) caches[done].reset();
      from = until;
    }
    return trace;
  }

  void logits(const at::Tensor& hidden_nH, at::Tensor& logits_nV) override {
    follow_weights();
    const at::Tensor x_nH = hidden_nH.detach().to(at::kFloat).contiguous();
    model_.logits(x_nH.const_data_ptr<float>(), x_nH.size(0), logits_nV.data_ptr<float>());
  }

 private:
  void follow_weights() {
    const int64_t version = weights_version(*role_);
    if (std::exchange(version_, version) != version) model_.refresh();
  }

  std::shared_ptr<const Role> role_;
  PackedModel model_;
  int64_t version_ = -1;
};

}  // namespace

std::unique_ptr<ExactForward> make_packed_forward(std::shared_ptr<const Role> role) {
  return std::make_unique<PackedForward>(std::move(role));
}

}  // namespace mira
