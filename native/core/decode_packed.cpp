// The packed decoder: PackedModel over the caches it is given; a sequence's bits depend on nothing beside it.
#include <vector>
#include "native/core/decode.h"
#include "native/core/packed_model.h"

namespace mira {
namespace {

class PackedDecoder final : public Decoder {
 public:
  PackedDecoder(std::shared_ptr<const Role> role, int64_t max_length, int64_t chunk)
      : hidden_(role->weights->config.hidden), vocab_(role->weights->config.vocab),
        layout_(std::make_shared<KvLayout>(role->weights->config, role->weights->dtype(), max_length, chunk)),
        model_(std::move(role)) {}

  std::unique_ptr<SequenceCache> make_cache() override { return std::make_unique<KvCache>(layout_); }
  void refresh() override { model_.refresh(); }

  void step(std::span<const DecodeSpan> spans, std::span<Draw> draws) override {
    model_.begin();
    for (const DecodeSpan& span : spans) model_.add(static_cast<KvCache&>(*span.cache), span.ids, span.count);
    model_.run();
    if (draws.empty()) return;
    x_.resize(draws.size() * static_cast<size_t>(hidden_));
    logits_.resize(draws.size() * static_cast<size_t>(vocab_));
    int64_t n = 0, last = -1;
    for (const DecodeSpan& span : spans) {
      last += span.count;
      if (span.sampler) model_.hidden(last, x_.data() + n++ * hidden_);
    }
    model_.logits(x_.data(), n, logits_.data());
    sample_(spans, logits_.data(), vocab_, draws);
  }

 private:
  int64_t hidden_, vocab_;
  std::shared_ptr<const KvLayout> layout_;
  PackedModel model_;
  HostSampling sample_;
  std::vector<float> x_, logits_;  // final-norm rows and their logits, of the current pass
};

}  // namespace

std::unique_ptr<Decoder> make_packed_decoder(std::shared_ptr<const Role> role, int64_t max_length, int64_t chunk) {
  return std::make_unique<PackedDecoder>(std::move(role), max_length, chunk);
}

int64_t packed_bytes(const Role& role) {
  int64_t bytes = 0;
  for (const at::Tensor& t : role.weights->parameters())
    if (t.dim() == 2) bytes += kernels::packed_size(t.size(0), t.size(1)) * t.element_size();
  return bytes;
}

bool packed_by_default(const Role& role) {
  constexpr int64_t kLimit = int64_t{2} << 30;
  return role.weights->embed_VH.is_cpu() && packed_bytes(role) <= kLimit;
}

}  // namespace mira
