// Gemma3's layers over raw float32 rows with the row kernels, and keys and values in per-sequence caches.
// Every step either maps a row by itself (norms, products, rotary embedding) or reads one sequence's own cache
// (attention): a row's bits depend on its own sequence alone, however tokens were cut into passes. For bfloat16
// weights, activations are rounded where the training forward rounds them. The decoder samples from this
// arithmetic and exact training scores with it. Leaves out scheduling, sampling and gradients.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>
#include "native/core/kv_cache.h"
#include "native/core/packed_linear.h"
#include "native/core/role.h"
#include "native/kernels/decode_attention.h"

namespace mira {

class PackedModel {
 public:
  // Sees the residual stream [T,H] in front of layer i; i = layers: what the last layer has left.
  using Observer = std::function<void(int64_t i, const float* h_TH)>;

  explicit PackedModel(std::shared_ptr<const Role>);
  // The role's weights have changed: they are packed again before the next pass.
  void refresh() { stale_ = true; }

  // Starts a pass that holds nothing yet.
  void begin();
  // Puts `count` tokens of one sequence, at positions cache.length() and up, into the pass; at most once per
  // cache and pass. Throws std::invalid_argument when the cache has no room.
  void add(KvCache& cache, const int32_t* ids, int64_t count);
  // Runs the layers over all that was added, stores keys and values, and advances the caches.
  void run(const Observer& = {});

  // Of the last pass's token t (in the order added): the final norm's output [H].
  void hidden(int64_t t, float* x_H) const;
  // Logits [n,V] of final-norm rows [n,H].
  void logits(const float* x_nH, int64_t n, float* logits_nV);

 private:
  struct Layer {
    PackedLinear qkv, o, gate_up, down;
    std::vector<float> input_norm, post_attn_norm, pre_ffn_norm, post_ffn_norm, q_norm, k_norm;  // 1 + offset
  };
  struct Span { KvCache* cache; int64_t count; };
  struct Row { KvCache* cache; int32_t id; int64_t position; };

  void pack();
  void embed();
  void norm(const std::vector<float>& gain, int64_t T);
  void join(const std::vector<float>& gain, int64_t T);
  void rotate_and_store(int64_t i, const Layer&, int64_t T);
  void layer(int64_t i, int64_t T);
  void round(float* x, int64_t n) const;

  std::shared_ptr<const Role> role_;
  const GemmaConfig& config_;
  const kernels::RowKernels& k_ = kernels::row_kernels();
  bool bf16_, stale_ = true;
  std::vector<Layer> layers_;
  PackedLinear head_;  // the tied embedding as the output layer
  std::vector<float> final_norm_;

  // Of the current pass, kept to save allocations.
  std::vector<Span> spans_;
  std::vector<Row> rows_;
  int64_t longest_ = 0;  // one past the highest position
  std::vector<kernels::DecodeQuery> queries_;
  std::vector<float> h_, x_, y_, qkv_, q_, mixed_, gate_up_, ffn_;
};

}  // namespace mira
