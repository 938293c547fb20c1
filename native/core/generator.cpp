// The scheduler of continuous batching: queue, slots, prefixes, turns; see generator.h.
#include "native/core/generator.h"
#include <ATen/Parallel.h>
#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>
#include "native/core/cancelled.h"

namespace mira {
namespace {

constexpr int64_t kPackedLimit = int64_t{2} << 30;
// Copying a neighbour's prefix pays once it saves about a block of tokens.
constexpr int64_t kWorthCopying = 16;

int64_t common_prefix(const std::vector<int32_t>& a, const std::vector<int32_t>& b, int64_t limit) {
  limit = std::min({limit, static_cast<int64_t>(a.size()), static_cast<int64_t>(b.size())});
  return std::mismatch(a.begin(), a.begin() + limit, b.begin()).first - a.begin();
}

// Grows with every in-place change that ATen sees of what the decoder reads.
int64_t weights_version(const Role& role) {
  const Weights& w = *role.weights;
  int64_t version = w.embed_VH._version() + w.final_norm_H._version();
  for (const LayerWeights& l : w.layers)
    for (const at::Tensor* t : {&l.input_norm_H, &l.post_attn_norm_H, &l.pre_ffn_norm_H, &l.post_ffn_norm_H, &l.q_norm_D,
                                &l.k_norm_D, &l.qkv_CH, &l.o_HC, &l.gate_up_2FH, &l.down_HF})
      version += t->_version();
  if (!role.lora) return version;
  for (const LoraLayer& l : role.lora->layers)
    for (const LoraPair* pair : {&l.q, &l.k, &l.v, &l.o, &l.gate, &l.up, &l.down})
      if (pair->a_RI.defined()) version += pair->a_RI._version() + pair->b_OR._version();
  return version;
}

std::unique_ptr<Decoder> make_decoder(const std::shared_ptr<const Role>& role, const GeneratorOptions& o) {
  const bool packed = o.decoder == DecoderKind::packed ||
                      (o.decoder == DecoderKind::automatic && packed_bytes(*role) <= kPackedLimit);
  return packed ? make_packed_decoder(role, o.max_length) : make_aten_decoder(role, o.max_length);
}

GeneratorOptions checked(const Role& role, GeneratorOptions o) {
  const GemmaConfig& c = role.weights->config;
  const auto require = [](bool ok, const std::string& sentence) {
    if (!ok) throw std::invalid_argument(sentence);
  };
  require(o.slots >= 1, "generator.slots: expected at least 1, got " + std::to_string(o.slots) + ".");
  require(o.max_length >= 2 && o.max_length <= c.max_positions,
          "generator.maxLength: expected 2 to " + std::to_string(c.max_positions) +
              " (the model's maxPositions), got " + std::to_string(o.max_length) + ".");
  require(o.prefill_chunk >= 1,
          "generator.prefillChunk: expected at least 1, got " + std::to_string(o.prefill_chunk) + ".");
  o.prefill_chunk = std::min(o.prefill_chunk, o.max_length);
  if (!o.vocabulary) return o;
  const std::vector<int32_t>& offsets = o.vocabulary->offsets;
  require(static_cast<int64_t>(offsets.size()) == c.vocab + 1 && offsets.front() == 0 &&
              std::is_sorted(offsets.begin(), offsets.end()) &&
              offsets.back() == static_cast<int64_t>(o.vocabulary->bytes.size()),
          "generator.vocabulary.offsets: expected " + std::to_string(c.vocab + 1) +
              " ascending offsets from 0 to the number of bytes.");
  return o;
}

}  // namespace

void check_request(const GenerateRequest& r, const GeneratorOptions& o, int64_t vocab) {
  const auto require = [](bool ok, const std::string& sentence) {
    if (!ok) throw std::invalid_argument(sentence);
  };
  const auto check_ids = [&](const std::vector<int32_t>& ids, const char* field) {
    for (const int32_t id : ids)
      require(id >= 0 && id < vocab, std::string(field) + ": expected token ids below " + std::to_string(vocab) +
                                         ", got " + std::to_string(id) + ".");
  };
  require(!r.ids.empty(), "ids: expected at least one prompt token, got none.");
  check_ids(r.ids, "ids");
  check_ids(r.stop_ids, "stopIds");
  require(r.max_new_tokens >= 1,
          "maxNewTokens: expected at least 1, got " + std::to_string(r.max_new_tokens) + ".");
  const auto total = static_cast<int64_t>(r.ids.size()) + r.max_new_tokens;
  require(total <= o.max_length, "ids: expected prompt + maxNewTokens within maxLength " +
                                     std::to_string(o.max_length) + ", got " + std::to_string(r.ids.size()) + " + " +
                                     std::to_string(r.max_new_tokens) +
                                     "; shorten the prompt or make the generator with a larger maxLength.");
  const SamplerSettings& s = r.sampler;
  require(s.temperature >= 0 && s.temperature <= 1e4,
          "temperature: expected 0 (greedy) to 10000, got " + std::to_string(s.temperature) + ".");
  require(s.top_k >= 0, "topK: expected 0 (off) or more, got " + std::to_string(s.top_k) + ".");
  require(s.top_p > 0 && s.top_p <= 1,
          "topP: expected more than 0 and at most 1 (off), got " + std::to_string(s.top_p) + ".");
  require(r.stop_strings.empty() || o.vocabulary,
          "stopStrings: expected a generator made with a vocabulary, got one without; pass `vocabulary`.");
  for (const std::string& stop : r.stop_strings)
    require(!stop.empty(), "stopStrings: expected non-empty strings, got an empty one.");
}

Generator::Generator(std::shared_ptr<const Role> role, GeneratorOptions options)
    : role_(std::move(role)), options_(checked(*role_, std::move(options))), vocab_(role_->weights->config.vocab),
      layout_(std::make_shared<KvLayout>(role_->weights->config, role_->weights->dtype(), options_.max_length,
                                         options_.prefill_chunk)),
      decoder_(make_decoder(role_, options_)), slots_(static_cast<size_t>(options_.slots)),
      samplers_(static_cast<size_t>(options_.slots)) {
  for (Slot& slot : slots_) slot.cache = std::make_unique<KvCache>(layout_);
  publish();
}

void Generator::submit(GenerateRequest request, std::unique_ptr<GenerateSink> sink) {
  queue_.push_back({std::move(request), std::move(sink)});
  publish();
}

bool Generator::turn() {
  if (const int64_t version = weights_version(*role_); version != weights_version_) {
    invalidate();
    weights_version_ = version;
  }
  sweep_cancelled();
  admit();
  // The oldest prompts first, packed up to one chunk.
  std::vector<Slot*> ready;
  for (Slot& slot : slots_)
    if (slot.active && (slot.pending() > 1 || slot.active->result.ids.empty())) ready.push_back(&slot);
  std::sort(ready.begin(), ready.end(),
            [](const Slot* a, const Slot* b) { return a->active->order < b->active->order; });
  std::vector<int64_t> counts;
  int64_t budget = options_.prefill_chunk;
  for (const Slot* slot : ready) {
    if (budget == 0) break;
    counts.push_back(std::min(budget, slot->pending()));
    budget -= counts.back();
  }
  ready.resize(counts.size());
  if (!ready.empty()) pass(ready, counts, &GeneratorStats::prefill_seconds);

  ready.clear();
  for (Slot& slot : slots_)
    if (slot.active && slot.pending() == 1 && !slot.active->result.ids.empty()) ready.push_back(&slot);
  counts.assign(ready.size(), 1);
  if (!ready.empty()) pass(ready, counts, &GeneratorStats::decode_seconds);
  publish();
  return !queue_.empty() || std::any_of(slots_.begin(), slots_.end(), [](const Slot& s) { return s.active.has_value(); });
}

void Generator::pass(std::span<Slot* const> slots, std::span<const int64_t> counts,
                     double GeneratorStats::*seconds) {
  const auto started = std::chrono::steady_clock::now();
  std::vector<DecodeSpan> spans;
  std::vector<Slot*> sampling;
  for (size_t i = 0; i < slots.size(); ++i) {
    Slot& slot = *slots[i];
    const bool last = counts[i] == slot.pending();
    spans.push_back({slot.cache.get(), slot.ids.data() + slot.cache->length(), counts[i], last});
    if (last) sampling.push_back(&slot);
  }
  try {
    logits_.resize(sampling.size() * static_cast<size_t>(vocab_));
    decoder_->forward(spans, logits_.data());
  } catch (...) {
    for (Slot* slot : slots) fail(*slot, std::current_exception());
    return;
  }
  std::vector<Sample> samples(sampling.size());
  std::vector<std::exception_ptr> errors(sampling.size());
  at::parallel_for(0, static_cast<int64_t>(sampling.size()), std::max<int64_t>(1, 65536 / vocab_),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t i = begin; i < end; ++i) {
                       const Slot& slot = *sampling[i];
                       try {
                         samples[i] = samplers_[i](logits_.data() + i * vocab_, vocab_, slot.active->request.sampler,
                                                   slot.ids.size());
                       } catch (...) {
                         errors[i] = std::current_exception();
                       }
                     }
                   });
  counters_.*seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  for (size_t i = 0; i < sampling.size(); ++i) {
    if (errors[i]) fail(*sampling[i], errors[i]);
    else append(*sampling[i], samples[i]);
  }
}

void Generator::append(Slot& slot, const Sample& sample) {
  Active& active = *slot.active;
  GenerateResult& result = active.result;
  slot.ids.push_back(sample.id);
  result.ids.push_back(sample.id);
  result.logprobs.push_back(sample.logprob);
  result.sampling_logprobs.push_back(sample.sampling_logprob);
  ++counters_.sampled_tokens;
  const std::vector<int32_t>& stops = active.request.stop_ids;
  if (std::find(stops.begin(), stops.end(), sample.id) != stops.end()) result.stop = GenerateResult::Stop::id;
  else if (active.stops.push(sample.id)) result.stop = GenerateResult::Stop::string;
  else if (static_cast<int64_t>(result.ids.size()) < active.request.max_new_tokens) return;
  const Active done = std::move(active);
  retire(slot);
  publish();  // whoever awaits the result may look at the counters next
  done.sink->finish(done.result);
}

void Generator::fail(Slot& slot, const std::exception_ptr& error) {
  const std::unique_ptr<GenerateSink> sink = std::move(slot.active->sink);
  slot.active.reset();
  clear(slot);
  publish();
  sink->fail(error);
}

void Generator::retire(Slot& slot) {
  slot.active.reset();
  slot.ids.resize(static_cast<size_t>(slot.cache->length()));  // the last sampled token was never computed
  slot.used = ++clock_;
  if (!slot.session) slot.cache->truncate(0), slot.ids.clear();
}

void Generator::clear(Slot& slot) {
  slot.session.reset();
  slot.ids.clear();
  slot.cache = std::make_unique<KvCache>(layout_);
}

void Generator::sweep_cancelled() {
  for (Slot& slot : slots_) {
    if (!slot.active || !slot.active->sink->cancelled()) continue;
    const std::unique_ptr<GenerateSink> sink = std::move(slot.active->sink);
    retire(slot);
    publish();
    sink->fail(std::make_exception_ptr(Cancelled{}));
  }
  for (auto it = queue_.begin(); it != queue_.end();) {
    if (!it->sink->cancelled()) {
      ++it;
      continue;
    }
    const std::unique_ptr<GenerateSink> sink = std::move(it->sink);
    it = queue_.erase(it);
    publish();
    sink->fail(std::make_exception_ptr(Cancelled{}));
  }
}

Generator::Slot* Generator::slot_for(const GenerateRequest& request) {
  Slot* best = nullptr;
  for (Slot& slot : slots_) {
    if (request.session && slot.session == request.session) return slot.active ? nullptr : &slot;
    if (slot.active) continue;
    // A slot without a session first, else the session that has been idle longest.
    const auto rank = [](const Slot& s) { return s.session ? s.used + 1 : 0; };
    if (!best || rank(slot) < rank(*best)) best = &slot;
  }
  return best;
}

void Generator::admit() {
  for (auto it = queue_.begin(); it != queue_.end();) {
    // A request waits for its own session's slot; others may pass it.
    Slot* slot = slot_for(it->request);
    if (!slot) {
      ++it;
      continue;
    }
    Queued next = std::move(*it);
    it = queue_.erase(it);
    start(*slot, std::move(next));
  }
}

void Generator::start(Slot& slot, Queued next) {
  const bool own = next.request.session && slot.session == next.request.session;
  reuse_prefix(slot, next.request.ids);
  if (!own) slot.session = next.request.session;
  slot.ids = next.request.ids;
  GenerateResult result;
  result.prompt_tokens = static_cast<int64_t>(next.request.ids.size());
  result.reused_tokens = slot.cache->length();
  counters_.prompt_tokens += result.prompt_tokens;
  counters_.reused_tokens += result.reused_tokens;
  StopStrings stops(next.request.stop_strings, options_.vocabulary);
  slot.active.emplace(Active{std::move(next.request), std::move(next.sink), std::move(result), std::move(stops), ++clock_});
}

// Leaves in the slot's cache the longest prefix of the prompt that it or a neighbour holds. The prompt's last
// token is always left to compute: its logits are needed.
void Generator::reuse_prefix(Slot& slot, const std::vector<int32_t>& prompt) {
  const auto usable = [&](const Slot& from) -> int64_t {
    const int64_t limit = std::min(from.cache->length(), static_cast<int64_t>(prompt.size()) - 1);
    const int64_t common = common_prefix(from.ids, prompt, limit);
    return from.cache->can_truncate(common) ? common : 0;
  };
  const int64_t own = usable(slot);
  const Slot* donor = nullptr;
  int64_t best = own + kWorthCopying - 1;
  for (const Slot& other : slots_) {
    if (&other == &slot) continue;
    const int64_t n = usable(other);
    if (n > best) best = n, donor = &other;
  }
  if (donor) slot.cache->copy_prefix(*donor->cache, best);
  else slot.cache->truncate(own);
}

void Generator::release(int64_t session) {
  for (Slot& slot : slots_) {
    if (slot.session != session) continue;
    if (slot.active) slot.session.reset();
    else clear(slot);
  }
  publish();
}

void Generator::invalidate() {
  decoder_->refresh();
  for (Slot& slot : slots_) {
    slot.cache->truncate(0);
    if (!slot.active) slot.ids.clear();
  }
}

void Generator::fail_all(std::exception_ptr error) {
  for (Queued& queued : queue_) queued.sink->fail(error);
  queue_.clear();
  for (Slot& slot : slots_) {
    if (slot.active) fail(slot, error);
    else clear(slot);
  }
  publish();
}

void Generator::publish() {
  counters_.slots = options_.slots;
  counters_.queued = static_cast<int64_t>(queue_.size());
  counters_.active = 0;
  counters_.cache_bytes = 0;
  for (const Slot& slot : slots_) {
    counters_.active += slot.active.has_value();
    counters_.cache_bytes += slot.cache->bytes();
  }
  std::lock_guard guard(mutex_);
  published_ = counters_;
}

GeneratorStats Generator::stats() const {
  std::lock_guard guard(mutex_);
  return published_;
}

}  // namespace mira
