// The packed decoder: walks the layers over raw float32 rows with the row kernels. Every step either maps a
// row by itself (norms, products, rotary embedding) or reads one sequence's own cache (attention), which is
// why results do not depend on the batch. For bfloat16 weights, activations are rounded where the training
// forward rounds them. Leaves out scheduling and sampling.
#include <ATen/Parallel.h>
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>
#include "native/core/decode.h"
#include "native/core/packed_linear.h"
#include "native/kernels/decode_attention.h"
#include "native/kernels/qk_norm_rope.h"

namespace mira {
namespace {

using kernels::RowKernels;

struct PackedLayer {
  PackedLinear qkv, o, gate_up, down;
  std::vector<float> input_norm, post_attn_norm, pre_ffn_norm, post_ffn_norm, q_norm, k_norm;  // 1 + offset
};

std::vector<float> gain(const at::Tensor& offset) {
  const at::Tensor g = offset.detach().to(at::kFloat).add(1.0).contiguous();
  const float* data = g.const_data_ptr<float>();
  return {data, data + g.numel()};
}

// Rows per task, so that a task handles about 32k elements.
int64_t grain(int64_t width) { return std::max<int64_t>(1, 32768 / width); }

class PackedDecoder final : public Decoder {
 public:
  PackedDecoder(std::shared_ptr<const Role> role, int64_t max_length)
      : role_(std::move(role)), config_(role_->weights->config), max_length_(max_length),
        bf16_(role_->weights->dtype() == at::kBFloat16) {}

  void refresh() override { stale_ = true; }

  void forward(std::span<const DecodeSpan> spans, float* logits_nV) override {
    at::NoGradGuard no_grad;
    if (stale_) pack();
    place(spans);
    const GemmaConfig& c = config_;
    const int64_t T = static_cast<int64_t>(rows_.size()), H = c.hidden;
    h_.resize(T * H);
    x_.resize(T * H);
    y_.resize(T * H);
    qkv_.resize(T * (c.heads + 2 * c.kv_heads) * c.head_dim);
    q_.resize(T * c.heads * c.head_dim);
    mixed_.resize(q_.size());
    gate_up_.resize(T * 2 * c.intermediate);
    ffn_.resize(T * c.intermediate);
    queries_.resize(T);
    embed();
    for (int64_t i = 0; i < c.layers; ++i) layer(i, T);
    for (const DecodeSpan& span : spans) span.cache->advance(span.count);
    logits(spans, logits_nV);
  }

 private:
  struct Row { KvCache* cache; int32_t id; int64_t position; };

  void pack() {
    const Weights& w = *role_->weights;
    const GemmaConfig& c = config_;
    const int64_t q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
    if (layers_.empty()) {  // the first pass
      local_rope_ = kernels::make_rope_table(max_length_, c.head_dim, c.rope_theta_local, 1.0);
      global_rope_ = kernels::make_rope_table(max_length_, c.head_dim, c.rope_theta_global, c.rope_factor_global);
    }
    layers_.clear();
    for (int64_t i = 0; i < c.layers; ++i) {
      const LayerWeights& l = w.layers[i];
      PackedLayer p{PackedLinear(l.qkv_CH), PackedLinear(l.o_HC), PackedLinear(l.gate_up_2FH), PackedLinear(l.down_HF),
                    gain(l.input_norm_H), gain(l.post_attn_norm_H), gain(l.pre_ffn_norm_H), gain(l.post_ffn_norm_H),
                    gain(l.q_norm_D), gain(l.k_norm_D)};
      if (role_->lora) {
        const LoraLayer& a = role_->lora->layers[i];
        const double s = role_->lora->scale;
        p.qkv.adapt(a.q, s, 0, w.dtype());
        p.qkv.adapt(a.k, s, q, w.dtype());
        p.qkv.adapt(a.v, s, q + kv, w.dtype());
        p.o.adapt(a.o, s, 0, w.dtype());
        p.gate_up.adapt(a.gate, s, 0, w.dtype());
        p.gate_up.adapt(a.up, s, c.intermediate, w.dtype());
        p.down.adapt(a.down, s, 0, w.dtype());
      }
      layers_.push_back(std::move(p));
    }
    head_ = PackedLinear(w.embed_VH);
    final_norm_ = gain(w.final_norm_H);
    stale_ = false;
  }

  void place(std::span<const DecodeSpan> spans) {
    rows_.clear();
    for (const DecodeSpan& span : spans) {
      const int64_t start = span.cache->length();
      span.cache->reserve(start + span.count);
      for (int64_t i = 0; i < span.count; ++i) rows_.push_back({span.cache, span.ids[i], start + i});
    }
  }

  void round(float* x, int64_t n) const {
    if (bf16_) k_.round_bf16(x, n);
  }

  void embed() {
    const at::Tensor& table = role_->weights->embed_VH;
    double scale = std::sqrt(static_cast<double>(config_.hidden));
    if (bf16_) scale = static_cast<float>(c10::BFloat16(static_cast<float>(scale)));
    const int64_t H = config_.hidden;
    for (size_t t = 0; t < rows_.size(); ++t) {
      float* h = h_.data() + t * H;
      if (bf16_) {
        const at::BFloat16* e = table.const_data_ptr<at::BFloat16>() + rows_[t].id * H;
        for (int64_t i = 0; i < H; ++i) h[i] = static_cast<float>(e[i]) * static_cast<float>(scale);
        k_.round_bf16(h, H);
      } else {
        const float* e = table.const_data_ptr<float>() + rows_[t].id * H;
        for (int64_t i = 0; i < H; ++i) h[i] = e[i] * static_cast<float>(scale);
      }
    }
  }

  // x = rms_norm(h; gain) for all rows.
  void norm(const std::vector<float>& gain, int64_t T) {
    const int64_t H = config_.hidden;
    at::parallel_for(0, T, grain(H), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t)
        k_.rms_norm(h_.data() + t * H, gain.data(), static_cast<float>(config_.rms_eps), H, x_.data() + t * H);
      round(x_.data() + begin * H, (end - begin) * H);
    });
  }

  // h += rms_norm(y; gain): a branch's output joins the residual stream.
  void join(const std::vector<float>& gain, int64_t T) {
    const int64_t H = config_.hidden;
    round(y_.data(), T * H);
    at::parallel_for(0, T, grain(H), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t)
        k_.rms_norm(y_.data() + t * H, gain.data(), static_cast<float>(config_.rms_eps), H, y_.data() + t * H);
      k_.add(h_.data() + begin * H, y_.data() + begin * H, (end - begin) * H, h_.data() + begin * H);
      round(h_.data() + begin * H, (end - begin) * H);
    });
  }

  // Norms and rotates q and k in place, stores k and v, gathers q.
  void rotate_and_store(int64_t i, const PackedLayer& layer, int64_t T) {
    const GemmaConfig& c = config_;
    const int64_t D = c.head_dim, C = (c.heads + 2 * c.kv_heads) * D, half = D / 2;
    const kernels::RopeTable& rope = c.layer_is_global[i] ? global_rope_ : local_rope_;
    const float *cos = rope.cos_PD2.const_data_ptr<float>(), *sin = rope.sin_PD2.const_data_ptr<float>();
    const auto eps = static_cast<float>(c.rms_eps);
    // Different rows store into different places, also those of one sequence.
    at::parallel_for(0, T, grain(C), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        float* row = qkv_.data() + t * C;
        round(row, C);
        const int64_t p = rows_[t].position;
        for (int64_t head = 0; head < c.heads + c.kv_heads; ++head) {
          float* x = row + head * D;
          k_.rms_norm(x, (head < c.heads ? layer.q_norm : layer.k_norm).data(), eps, D, x);
          k_.rope(x, cos + p * half, sin + p * half, half);
        }
        round(row, (c.heads + c.kv_heads) * D);
        rows_[t].cache->store(i, p, row + c.heads * D, row + (c.heads + c.kv_heads) * D);
        std::copy_n(row, c.heads * D, q_.data() + t * c.heads * D);
      }
    });
  }

  void layer(int64_t i, int64_t T) {
    const GemmaConfig& c = config_;
    const PackedLayer& layer = layers_[i];
    norm(layer.input_norm, T);
    layer.qkv(x_.data(), T, qkv_.data());
    rotate_and_store(i, layer, T);
    for (int64_t t = 0; t < T; ++t) queries_[t] = rows_[t].cache->query(i, rows_[t].position);
    kernels::decode_attention(queries_, q_.data(), mixed_.data(), c.heads, c.kv_heads, c.head_dim,
                              static_cast<float>(std::pow(c.query_pre_attn_scalar, -0.5)), bf16_);
    round(mixed_.data(), static_cast<int64_t>(mixed_.size()));
    layer.o(mixed_.data(), T, y_.data());
    join(layer.post_attn_norm, T);

    norm(layer.pre_ffn_norm, T);
    layer.gate_up(x_.data(), T, gate_up_.data());
    const int64_t F = c.intermediate;
    at::parallel_for(0, T, grain(F), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        float* gate = gate_up_.data() + t * 2 * F;
        round(gate, 2 * F);
        k_.geglu(gate, gate + F, F, ffn_.data() + t * F);
        round(ffn_.data() + t * F, F);
      }
    });
    layer.down(ffn_.data(), T, y_.data());
    join(layer.post_ffn_norm, T);
  }

  void logits(std::span<const DecodeSpan> spans, float* logits_nV) {
    const int64_t H = config_.hidden;
    int64_t n = 0, last = -1;
    for (const DecodeSpan& span : spans) {
      last += span.count;
      if (!span.wants_logits) continue;
      float* x = x_.data() + n++ * H;
      k_.rms_norm(h_.data() + last * H, final_norm_.data(), static_cast<float>(config_.rms_eps), H, x);
      round(x, H);
    }
    if (n > 0) head_(x_.data(), n, logits_nV);
  }

  std::shared_ptr<const Role> role_;
  const GemmaConfig& config_;
  int64_t max_length_;
  const RowKernels& k_ = kernels::row_kernels();
  bool bf16_, stale_ = true;
  kernels::RopeTable local_rope_, global_rope_;
  std::vector<PackedLayer> layers_;
  PackedLinear head_;  // the tied embedding as the output layer
  std::vector<float> final_norm_;

  // Of the current pass, kept to save allocations.
  std::vector<Row> rows_;
  std::vector<kernels::DecodeQuery> queries_;
  std::vector<float> h_, x_, y_, qkv_, q_, mixed_, gate_up_, ffn_;
};

}  // namespace

std::unique_ptr<Decoder> make_packed_decoder(std::shared_ptr<const Role> role, int64_t max_length) {
  return std::make_unique<PackedDecoder>(std::move(role), max_length);
}

int64_t packed_bytes(const Role& role) {
  int64_t bytes = 0;
  for (const at::Tensor& t : role.weights->parameters())
    if (t.dim() == 2) bytes += kernels::packed_size(t.size(0), t.size(1)) * t.element_size();
  return bytes;
}

}  // namespace mira
