// Threads for the attention of decode and prefill; see decode_attention.h.
#include "native/kernels/decode_attention.h"
#include <ATen/Parallel.h>
#include <algorithm>
#include <vector>

namespace mira::kernels {

void decode_attention(std::span<const DecodeQuery> queries, const float* q_TQD, float* out_TQD, int64_t heads,
                      int64_t kv_heads, int64_t head_dim, float scale, bool bf16) {
  const int64_t group = heads / kv_heads, T = static_cast<int64_t>(queries.size());
  int64_t longest = 1, total = 0;
  for (const DecodeQuery& query : queries) {
    longest = std::max(longest, query.key_count);
    total += query.key_count;
  }
  const auto attend = bf16 ? row_kernels().attend_bf16 : row_kernels().attend_f32;
  // About a million multiply-adds per task.
  const int64_t mean_work = std::max<int64_t>(1, 2 * group * head_dim * total / std::max<int64_t>(1, T));
  at::parallel_for(0, T * kv_heads, std::max<int64_t>(1, (1 << 20) / mean_work), [&](int64_t begin, int64_t end) {
    std::vector<float> scratch(static_cast<size_t>(attend_scratch(group, longest)));
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t t = unit / kv_heads, h = unit % kv_heads;
      const DecodeQuery& query = queries[static_cast<size_t>(t)];
      const int64_t at = (t * heads + h * group) * head_dim;
      attend({q_TQD + at, static_cast<const char*>(query.k) + h * query.k_head,
              static_cast<const char*>(query.v) + h * query.v_head, query.k_stride, query.v_stride, group, head_dim,
              query.keys, scale, out_TQD + at, scratch.data()});
    }
  });
}

}  // namespace mira::kernels
