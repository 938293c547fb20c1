// What a Gemma3 text model is made of: the numbers of config.json after lib/native/gemma-config.ts has
// filled in the defaults and folded the v4 and v5 spellings into one form. The core never reads JSON.
//
// Shape legend, used as tensor-name suffixes all over native/:
//   T packed tokens   B sequences   N scored (action) tokens   H hidden size      F intermediate size
//   Q query heads     K key/value heads   D head dim           V vocabulary rows  R LoRA rank
#pragma once
#include <cstdint>
#include <vector>

namespace mira {

struct GemmaConfig {
  int64_t vocab = 0, hidden = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0, intermediate = 0;
  int64_t sliding_window = 0;           // keys a local layer sees, the token itself included
  int64_t max_positions = 0;
  double rms_eps = 1e-6;
  double query_pre_attn_scalar = 256;   // scores are scaled by its -0.5th power
  double rope_theta_global = 1e6, rope_theta_local = 1e4;
  double rope_factor_global = 1.0;      // linear position scaling of global layers; 1 = none
  std::vector<uint8_t> layer_is_global; // [layers], 1 = full attention, 0 = sliding window
};

}  // namespace mira
