// The slot decoder: ATen's products and the forward kernels of training on the role's own weights, on their device,
// over preallocated slots. After an update the next token comes from the new weights with nothing copied but the
// rounded adapters. On CUDA in bfloat16 a decode step is one replayed graph, sampling included.
// Agrees with the training forward to rounding, or in exact mode bit for bit with its trace (exact.h), whatever runs
// beside a sequence.
#include <ATen/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <tuple>
#include <vector>
#include "native/core/decode.h"
#include "native/core/forward.h"
#include "native/core/exact_keys.h"
#include "native/core/slot_graph.h"
#include "native/core/slot_layers.h"
#include "native/core/slot_pass.h"
#include "native/core/slot_samples.h"
#include "native/core/slot_store.h"
#include "native/kernels/qk_norm_rope.h"

namespace mira {
namespace {

// A decode step runs with the next of 1, 2, 4 .. 64, 128, 192 .. rows, so that few graphs serve all batches.
int64_t rows_bucket(int64_t n, int64_t slots) {
  const int64_t rows = n <= 64 ? static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(n))) : (n + 63) / 64 * 64;
  return std::min(rows, slots);
}

// Attention divides its work by an upper bound of the lengths: 1k, 4k, 16k .. tokens.
int64_t length_bucket(int64_t longest, int64_t capacity) {
  int64_t bound = 1024;
  while (bound < longest) bound *= 4;
  return std::min(bound, capacity);
}

class SlotDecoder final : public Decoder {
 public:
  SlotDecoder(std::shared_ptr<const Role> role, const SlotOptions& options)
      : role_(std::move(role)), config_(role_->weights->config), device_(role_->weights->embed_VH.device()),
        scale_(std::pow(config_.query_pre_attn_scalar, -0.5)),
        exact_(options.exact), captures_(device_.is_cuda() && role_->weights->dtype() == at::kBFloat16),
        store_(std::make_shared<SlotStore>(config_, role_->weights->dtype(), device_, options)),
        local_rope_(kernels::make_rope_table(options.max_length, config_.head_dim, config_.rope_theta_local, 1.0, device_)),
        global_rope_(kernels::make_rope_table(options.max_length, config_.head_dim, config_.rope_theta_global,
                                              config_.rope_factor_global, device_)) {}

  std::unique_ptr<SequenceCache> make_cache() override { return store_->make_cache(); }
  void refresh() override { stale_ = true; }

  void free() override {
    graphs_.clear();
    steps_.clear();
    store_->free();
  }

  DecoderStats stats() const override {
    DecoderStats stats = stats_;
    stats.bytes = store_->snapshot_bytes();
    return stats;
  }

  void step(std::span<const DecodeSpan> spans, std::span<Draw> draws) override {
    at::NoGradGuard no_grad;
    const c10::DeviceGuard on_device(device_);
    if (!store_->allocated()) store_->allocate();
    if (stale_) update();
    for (const DecodeSpan& span : spans) cache_of(span).check_room(span.cache->length() + span.count);
    const bool decode =
        std::all_of(spans.begin(), spans.end(), [](const DecodeSpan& s) { return s.count == 1 && s.sampler; });
    if (decode) decode_step(spans, draws);
    else prefill_step(spans, draws);
  }

 private:
  struct Step {
    DecodePass pass;
    SlotSamples samples;
  };

  static SlotCache& cache_of(const DecodeSpan& span) { return static_cast<SlotCache&>(*span.cache); }

  void prefill_step(std::span<const DecodeSpan> spans, std::span<Draw> draws) {
    const SlotPass pass = prefill_pass(spans, *store_, device_);
    const at::Tensor x_TH = layers(pass);
    if (draws.empty()) {
      finish();
      for (const DecodeSpan& span : spans) cache_of(span).advance(span.count);
      return;
    }
    SlotSamples samples(static_cast<int64_t>(draws.size()), device_);
    samples.fill(spans);
    samples.draw(slot_logits(*role_, x_TH.index_select(0, pass.last_n), exact_));
    for (const DecodeSpan& span : spans) cache_of(span).advance(span.count);
    samples.read(spans, draws);
  }

  // Waits for the device, so that an error meets the requests it belongs to and seconds the pass they were spent in.
  void finish() const {
    if (!device_.is_cuda()) return;
    const c10::impl::VirtualGuardImpl device(device_.type());
    device.synchronizeStream(device.getStream(device_));
  }

  void decode_step(std::span<const DecodeSpan> spans, std::span<Draw> draws) {
    int64_t longest = 0;
    for (const DecodeSpan& span : spans) longest = std::max(longest, span.cache->length() + 1);
    const SlotGraphs::Key key{rows_bucket(static_cast<int64_t>(spans.size()), store_->slots()),
                              length_bucket(longest, store_->global_capacity())};
    auto found = steps_.find(key);
    if (found == steps_.end()) {
      auto made = std::make_unique<Step>(
          Step{DecodePass(key.first, key.second, *store_, device_), SlotSamples(key.first, device_)});
      found = steps_.emplace(key, std::move(made)).first;
    }
    Step& step = *found->second;
    step.pass.fill(spans, *store_);
    step.samples.fill(spans);
    const auto run = [&] { step.samples.draw(slot_logits(*role_, layers(step.pass.pass()), exact_)); };
    if (captures_ && graphs_.run(key, run)) {
      ++stats_.graph_steps;
    } else {
      run();
      ++stats_.eager_steps;
    }
    for (const DecodeSpan& span : spans) cache_of(span).advance(1);
    step.samples.read(spans, draws);
  }

  // Tokens to final-norm hidden states [T,H]; their keys and values are stored.
  at::Tensor layers(const SlotPass& pass) {
    const ExactRows rows = exact_ ? exact_rows(pass) : ExactRows{};
    return run_slot_layers(*role_, layers_, pass.ids_T,
                           [&](size_t i, const at::Tensor& qkv_TC) { return attend(i, pass, rows, qkv_TC); });
  }

  // The keys every query of a pass sees, for exact attention.
  struct ExactRows { kernels::KeyRows global, local; };
  ExactRows exact_rows(const SlotPass& pass) const {
    const int64_t T = pass.pos_T.numel();
    return {key_rows(pass.offsets_B1, T, pass.global_keys, 0),
            pass.decode ? ring_rows(pass.pos_T, pass.local_keys, store_->local_capacity())
                        : key_rows(pass.offsets_B1, T, pass.local_keys, config_.sliding_window)};
  }

  // Stores the tokens' keys and values and mixes values: [T,(Q+2K)D] -> [T,Q,D].
  at::Tensor attend(size_t i, const SlotPass& pass, const ExactRows& rows, const at::Tensor& qkv_TC) {
    const GemmaConfig& c = config_;
    const LayerWeights& w = role_->weights->layers[i];
    const SlotStore::Layer& held = store_->layer(static_cast<int64_t>(i));
    const bool global = c.layer_is_global[i];
    const kernels::RopeTable& rope = global ? global_rope_ : local_rope_;
    if (global || pass.decode) {
      const at::Tensor q_TQD = kernels::qk_norm_rope_kv_forward(
          qkv_TC, w.q_norm_D, w.k_norm_D, pass.pos_T, rope, c.heads, c.kv_heads, c.rms_eps, held.k_NKD, held.v_NKD,
          global ? pass.global_rows : pass.local_rows);
      if (exact_) return kernels::exact_attention(q_TQD, held.k_NKD, held.v_NKD, global ? rows.global : rows.local, scale_);
      return slot_attention(q_TQD, pass.offsets_B1, pass.longest, held.k_NKD, held.v_NKD,
                            global ? pass.global_keys : pass.local_keys, !pass.decode, 0, scale_);
    }
    auto [q_TQD, k_TKD, v_TKD] = kernels::qk_norm_rope_forward(qkv_TC, w.q_norm_D, w.k_norm_D, pass.pos_T, rope, c.heads,
                                                              c.kv_heads, c.rms_eps);
    const auto unrolled = [&](const at::Tensor& ring_NKD, const at::Tensor& fresh_TKD) {
      if (pass.before_P.numel() == 0) return fresh_TKD;
      const at::Tensor all = at::cat({ring_NKD.index_select(0, pass.before_P), fresh_TKD});
      return pass.order_N.defined() ? all.index_select(0, pass.order_N) : all;
    };
    const at::Tensor keys_NKD = unrolled(held.k_NKD, k_TKD), values_NKD = unrolled(held.v_NKD, v_TKD);
    const at::Tensor mixed = exact_ ? kernels::exact_attention(q_TQD, keys_NKD, values_NKD, rows.local, scale_)
                                    : slot_attention(q_TQD, pass.offsets_B1, pass.longest, keys_NKD, values_NKD,
                                                     pass.local_keys, true, c.sliding_window, scale_);
    const auto keep = [&](const at::Tensor& ring_NKD, const at::Tensor& fresh_TKD) {
      ring_NKD.index_copy_(0, pass.local_rows,
                           pass.kept_R.defined() ? fresh_TKD.index_select(0, pass.kept_R) : fresh_TKD);
    };
    keep(held.k_NKD, k_TKD);
    keep(held.v_NKD, v_TKD);
    return mixed;
  }

  // The role's tensors have new contents, or are others.
  void update() {
    std::vector<const void*> addresses;
    for (const at::Tensor& t : role_->weights->parameters()) addresses.push_back(t.const_data_ptr());
    if (role_->lora)
      for (const LoraLayer& l : role_->lora->layers)
        for (const LoraPair* pair : {&l.q, &l.k, &l.v, &l.o, &l.gate, &l.up, &l.down})
          if (pair->a_RI.defined()) addresses.insert(addresses.end(), {pair->a_RI.const_data_ptr(), pair->b_OR.const_data_ptr()});
    if (addresses == addresses_) {
      for (SlotLayer& layer : layers_)
        for (SlotLinear* linear : {&layer.qkv, &layer.o, &layer.gate_up, &layer.down}) linear->refresh();
    } else {
      graphs_.clear();
      layers_ = slot_layers(*role_, exact_);
      addresses_ = std::move(addresses);
    }
    stale_ = false;
  }

  std::shared_ptr<const Role> role_;
  const GemmaConfig& config_;
  at::Device device_;
  double scale_;
  bool exact_, captures_, stale_ = true;
  std::shared_ptr<SlotStore> store_;
  kernels::RopeTable local_rope_, global_rope_;
  std::vector<SlotLayer> layers_;
  std::vector<const void*> addresses_;
  std::map<SlotGraphs::Key, std::unique_ptr<Step>> steps_;
  SlotGraphs graphs_;  // after what they were recorded on, so that they go first
  DecoderStats stats_;
};

}  // namespace

std::unique_ptr<Decoder> make_slot_decoder(std::shared_ptr<const Role> role, const SlotOptions& options) {
  return std::make_unique<SlotDecoder>(std::move(role), options);
}

}  // namespace mira
