// The scheduler of continuous batching: turns, passes and ends of sequences; see generator.h.
#include "native/core/generator.h"
#include <algorithm>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <utility>
#include "native/core/cancelled.h"
#include "native/core/weights_version.h"

namespace mira {
namespace {

// Prompt tokens of a turn however many sequences decode.
constexpr int64_t kLeastPrefill = 16;

std::unique_ptr<Decoder> make_decoder(const std::shared_ptr<const Role>& role, const GeneratorOptions& o) {
  const bool cpu = role->weights->embed_VH.is_cpu();
  if (o.decoder == DecoderKind::packed && !cpu)
    throw std::invalid_argument(
        "generator.decoder: expected 'slots' or 'auto' for a model on a GPU, got 'packed', which runs on the CPU.");
  const bool packed = o.decoder == DecoderKind::packed ||
                      (o.decoder == DecoderKind::automatic && packed_by_default(*role));
  if (packed) return make_packed_decoder(role, o.max_length, o.prefill_chunk);
  return make_slot_decoder(role, {o.slots, o.max_length, o.snapshots < 0 ? o.slots : o.snapshots, o.exact});
}

}  // namespace

Generator::Generator(std::shared_ptr<const Role> role, GeneratorOptions options)
    : role_(std::move(role)), options_(checked_options(*role_, std::move(options))),
      decoder_(make_decoder(role_, options_)), slots_(static_cast<size_t>(options_.slots)) {
  for (Slot& slot : slots_) slot.cache = decoder_->make_cache();
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
  const auto decodes = [](const Slot& s) { return s.active && s.pending() == 1 && !s.active->result.ids.empty(); };
  const auto decoding = static_cast<int64_t>(std::count_if(slots_.begin(), slots_.end(), decodes));
  int64_t budget = std::max(options_.prefill_chunk - decoding, std::min(options_.prefill_chunk, kLeastPrefill));
  // The oldest prompts first.
  std::vector<Slot*> ready;
  for (Slot& slot : slots_)
    if (slot.active && !decodes(slot)) ready.push_back(&slot);
  std::sort(ready.begin(), ready.end(),
            [](const Slot* a, const Slot* b) { return a->active->order < b->active->order; });
  std::vector<int64_t> counts;
  for (const Slot* slot : ready) {
    if (budget == 0) break;
    const int64_t length = slot->cache->length();
    const int64_t most = slot->branch > length ? slot->branch - length : slot->pending();
    counts.push_back(std::min({budget, slot->pending(), most}));
    budget -= counts.back();
  }
  ready.resize(counts.size());
  if (!ready.empty()) pass(ready, counts, false);

  ready.clear();
  for (Slot& slot : slots_)
    if (decodes(slot)) ready.push_back(&slot);
  counts.assign(ready.size(), 1);
  if (!ready.empty()) pass(ready, counts, true);
  publish();
  return !queue_.empty() ||
         std::any_of(slots_.begin(), slots_.end(), [](const Slot& s) { return s.active.has_value(); });
}

void Generator::pass(std::span<Slot* const> slots, std::span<const int64_t> counts, bool decode) {
  const auto started = std::chrono::steady_clock::now();
  std::vector<DecodeSpan> spans;
  std::vector<Slot*> sampling;
  for (size_t i = 0; i < slots.size(); ++i) {
    Slot& slot = *slots[i];
    const bool last = counts[i] == slot.pending();
    spans.push_back({slot.cache.get(), slot.ids.data() + slot.cache->length(), counts[i],
                     last ? &slot.active->request.sampler : nullptr});
    if (last) sampling.push_back(&slot);
  }
  std::vector<Draw> draws(sampling.size());
  try {
    decoder_->step(spans, draws);
  } catch (...) {
    for (Slot* slot : slots) fail(*slot, std::current_exception());
    return;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  (decode ? counters_.decode_seconds : counters_.prefill_seconds) += seconds;
  const int64_t tokens = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  (decode ? counters_.decode_tokens : counters_.prefill_tokens) += tokens;
  counters_.decode_steps += decode;
  for (Slot* slot : slots) {
    if (slot->branch == 0 || slot->cache->length() < slot->branch) continue;
    if (slot->cache->length() == slot->branch) slot->cache->mark_branch();
    slot->branch = 0;
  }
  for (size_t i = 0; i < sampling.size(); ++i) {
    if (draws[i].error) fail(*sampling[i], draws[i].error);
    else append(*sampling[i], draws[i].sample);
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
  slot.branch = 0;
  slot.cache->clear();
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

void Generator::suspend() {
  invalidate();
  for (Slot& slot : slots_) slot.cache->clear();
  decoder_->free();
  publish();
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
  const DecoderStats decoder = decoder_->stats();
  counters_.cache_bytes = decoder.bytes;
  counters_.graph_steps = decoder.graph_steps;
  counters_.eager_steps = decoder.eager_steps;
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
