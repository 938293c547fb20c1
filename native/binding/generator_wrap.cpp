// NativeGenerator; see generator_wrap.h. The pump is an engine job that runs one turn and posts itself again
// while work remains, so that other verbs run between steps and new requests join at the next one.
#include "native/binding/generator_wrap.h"
#include <algorithm>
#include <utility>
#include "native/binding/args.h"
#include "native/binding/engine.h"
#include "native/binding/env_state.h"
#include "native/binding/errors.h"
#include "native/binding/exports.h"
#include "native/core/generator.h"

namespace mira::binding {
namespace {

std::vector<int32_t> ids_argument(Napi::Value value, const std::string& name) {
  const at::Tensor t = int32_argument(value, name);
  const int32_t* data = t.const_data_ptr<int32_t>();
  return {data, data + t.numel()};
}

template <typename Array, typename T>
Array typed_array(Napi::Env env, const std::vector<T>& from) {
  Array array = Array::New(env, from.size());
  std::copy(from.begin(), from.end(), array.Data());
  return array;
}

Napi::Value deliver_result(Napi::Env env, const GenerateResult& result) {
  constexpr const char* kStops[] = {"id", "string", "length"};
  Napi::Object object = Napi::Object::New(env);
  object.Set("ids", typed_array<Napi::Int32Array>(env, result.ids));
  object.Set("logprobs", typed_array<Napi::Float32Array>(env, result.logprobs));
  object.Set("samplingLogprobs", typed_array<Napi::Float32Array>(env, result.sampling_logprobs));
  object.Set("stop", kStops[static_cast<int>(result.stop)]);
  object.Set("promptTokens", static_cast<double>(result.prompt_tokens));
  object.Set("reusedTokens", static_cast<double>(result.reused_tokens));
  return object;
}

class CompletionSink final : public GenerateSink {
 public:
  explicit CompletionSink(std::shared_ptr<Completion> completion) : completion_(std::move(completion)) {}
  void finish(GenerateResult result) override {
    auto shared = std::make_shared<const GenerateResult>(std::move(result));
    completion_->resolve([shared](Napi::Env env) { return deliver_result(env, *shared); });
  }
  void fail(std::exception_ptr error) override { completion_->reject(std::move(error)); }
  // Also true once the environment closes: abandoned sequences make room.
  bool cancelled() const override { return completion_->cancelled().load(std::memory_order_relaxed); }

 private:
  std::shared_ptr<Completion> completion_;
};

// What the JS object, the queued jobs and the pump own together; the last one frees it.
struct Shared {
  Shared(std::shared_ptr<const Role> role, GeneratorOptions o)
      : options(o), vocab(role->weights->config.vocab), generator(std::move(role), std::move(o)) {}
  const GeneratorOptions options;
  const int64_t vocab;
  Generator generator;    // engine thread, but for stats()
  bool pumping = false;   // engine thread
  bool disposed = false;  // engine thread
};

void pump(const std::shared_ptr<Shared>& shared) {
  try {
    if (shared->generator.turn()) return post_to_engine([shared] { pump(shared); });
  } catch (...) {  // not an error of one pass: out of memory while admitting, say
    shared->generator.fail_all(std::current_exception());
  }
  shared->pumping = false;
}

void enqueue(const std::shared_ptr<Shared>& shared, GenerateRequest request, std::unique_ptr<GenerateSink> sink) {
  if (shared->disposed) return sink->fail(std::make_exception_ptr(Cancelled{}));
  shared->generator.submit(std::move(request), std::move(sink));
  if (std::exchange(shared->pumping, true)) return;
  // Not at once: requests made in the same tick of the event loop are behind this job and share the first pass.
  post_to_engine([shared] { pump(shared); });
}

GenerateRequest request_argument(Napi::Value value) {
  const Napi::Object o = object_argument(value, "request");
  GenerateRequest r;
  r.ids = ids_argument(field(o, "ids"), "request.ids");
  r.max_new_tokens = integer_argument(field(o, "maxNewTokens"), "request.maxNewTokens", 1);
  r.sampler.temperature = number_argument(field(o, "temperature"), "request.temperature");
  r.sampler.top_k = integer_argument(field(o, "topK"), "request.topK");
  r.sampler.top_p = number_argument(field(o, "topP"), "request.topP");
  r.sampler.seed = seed_argument(field(o, "seed"), "request.seed");
  r.stop_ids = ids_argument(field(o, "stopIds"), "request.stopIds");
  r.stop_strings = strings_argument(field(o, "stopStrings"), "request.stopStrings");
  if (!missing(field(o, "session"))) r.session = integer_argument(field(o, "session"), "request.session");
  return r;
}

GeneratorOptions spec_argument(Napi::Value value) {
  const Napi::Object o = object_argument(value, "generator");
  GeneratorOptions options;
  options.slots = integer_argument(field(o, "slots"), "generator.slots", 1, 4096);
  options.max_length = integer_argument(field(o, "maxLength"), "generator.maxLength", 2);
  if (!missing(field(o, "prefillChunk")))
    options.prefill_chunk = integer_argument(field(o, "prefillChunk"), "generator.prefillChunk", 1);
  if (!missing(field(o, "snapshots")))
    options.snapshots = integer_argument(field(o, "snapshots"), "generator.snapshots", 0, 65536);
  if (!missing(field(o, "exact"))) options.exact = bool_argument(field(o, "exact"), "generator.exact");
  if (!missing(field(o, "decoder"))) {
    const std::string kind = string_argument(field(o, "decoder"), "generator.decoder");
    if (kind == "packed") options.decoder = DecoderKind::packed;
    else if (kind == "slots") options.decoder = DecoderKind::slots;
    else if (kind != "auto")
      throw_type_error(value.Env(), "generator.decoder", "'auto', 'packed' or 'slots'", field(o, "decoder"));
  }
  if (!missing(field(o, "vocabulary"))) {
    const Napi::Object v = object_argument(field(o, "vocabulary"), "generator.vocabulary");
    const at::Tensor bytes = uint8_argument(field(v, "bytes"), "generator.vocabulary.bytes");
    auto vocabulary = std::make_shared<Vocabulary>();
    vocabulary->bytes.assign(reinterpret_cast<const char*>(bytes.const_data_ptr<uint8_t>()),
                             static_cast<size_t>(bytes.numel()));
    vocabulary->offsets = ids_argument(field(v, "offsets"), "generator.vocabulary.offsets");
    options.vocabulary = std::move(vocabulary);
  }
  return options;
}

class GeneratorWrap : public Napi::ObjectWrap<GeneratorWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeGenerator",
                       {InstanceMethod<&GeneratorWrap::generate>("generate"),
                        InstanceMethod<&GeneratorWrap::release>("release"),
                        InstanceMethod<&GeneratorWrap::invalidate>("invalidate"),
                        InstanceMethod<&GeneratorWrap::suspend>("suspend"),
                        InstanceMethod<&GeneratorWrap::stats>("stats"),
                        InstanceMethod<&GeneratorWrap::dispose>("dispose")});
  }

  explicit GeneratorWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<GeneratorWrap>(info) {
    if (!info[0].IsExternal())
      throw Napi::TypeError::New(info.Env(), "NativeGenerator: expected to be made by role.generator(spec).");
    shared_ = *info[0].As<Napi::External<std::shared_ptr<Shared>>>().Data();
  }

 private:
  Napi::Value generate(const Napi::CallbackInfo& info) {
    const std::shared_ptr<Shared> shared = alive(info.Env());
    GenerateRequest request = request_argument(info[0]);
    return guarded(info.Env(), "generate", [&]() -> Napi::Value {
      check_request(request, shared->options, shared->vocab);
      auto [promise, completion] = make_completion(info.Env(), "generate", info[1]);
      auto sink = std::make_shared<std::unique_ptr<GenerateSink>>(std::make_unique<CompletionSink>(completion));
      auto moved = std::make_shared<GenerateRequest>(std::move(request));
      post_to_engine([shared, moved, sink] { enqueue(shared, std::move(*moved), std::move(*sink)); });
      return promise;
    });
  }

  void release(const Napi::CallbackInfo& info) {
    const std::shared_ptr<Shared> shared = alive(info.Env());
    const int64_t session = integer_argument(info[0], "session");
    post_to_engine([shared, session] { shared->generator.release(session); });
  }

  Napi::Value invalidate(const Napi::CallbackInfo& info) {
    return run_on_engine(info.Env(), "invalidate", info.Env().Undefined(),
                         [shared = alive(info.Env())](const std::atomic<bool>&) -> Deliver {
                           shared->generator.invalidate();
                           return [](Napi::Env env) { return env.Undefined(); };
                         });
  }

  Napi::Value suspend(const Napi::CallbackInfo& info) {
    return run_on_engine(info.Env(), "suspend", info.Env().Undefined(),
                         [shared = alive(info.Env())](const std::atomic<bool>&) -> Deliver {
                           shared->generator.suspend();
                           return [](Napi::Env env) { return env.Undefined(); };
                         });
  }

  Napi::Value stats(const Napi::CallbackInfo& info) {
    const GeneratorStats s = alive(info.Env())->generator.stats();
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("promptTokens", static_cast<double>(s.prompt_tokens));
    object.Set("reusedTokens", static_cast<double>(s.reused_tokens));
    object.Set("sampledTokens", static_cast<double>(s.sampled_tokens));
    object.Set("prefillTokens", static_cast<double>(s.prefill_tokens));
    object.Set("decodeTokens", static_cast<double>(s.decode_tokens));
    object.Set("decodeSteps", static_cast<double>(s.decode_steps));
    object.Set("graphSteps", static_cast<double>(s.graph_steps));
    object.Set("eagerSteps", static_cast<double>(s.eager_steps));
    object.Set("prefillSeconds", s.prefill_seconds);
    object.Set("decodeSeconds", s.decode_seconds);
    object.Set("active", static_cast<double>(s.active));
    object.Set("queued", static_cast<double>(s.queued));
    object.Set("slots", static_cast<double>(s.slots));
    object.Set("cacheBytes", static_cast<double>(s.cache_bytes));
    return object;
  }

  // What is queued or active is rejected as aborted; memory goes when the engine has done so. Idempotent.
  void dispose(const Napi::CallbackInfo&) {
    if (!shared_) return;
    post_to_engine([shared = std::exchange(shared_, nullptr)] {
      shared->disposed = true;
      shared->generator.fail_all(std::make_exception_ptr(Cancelled{}));
    });
  }

  std::shared_ptr<Shared> alive(Napi::Env env) const {
    if (shared_) return shared_;
    Napi::Error error = Napi::Error::New(env, "the generator has been disposed; make a new one with role.generator(spec).");
    error.Set("code", Napi::String::New(env, "ERR_DISPOSED"));
    throw error;
  }

  std::shared_ptr<Shared> shared_;
};

}  // namespace

void init_generator(Napi::Env env, Napi::Object) {
  env.GetInstanceData<Instance>()->generator_class = Napi::Persistent(GeneratorWrap::define(env));
}

Napi::Value make_generator(Napi::Env env, std::shared_ptr<Role> role, Napi::Value spec) {
  GeneratorOptions options = spec_argument(spec);
  return guarded(env, "generator", [&]() -> Napi::Value {
    auto shared = std::make_shared<Shared>(std::move(role), std::move(options));
    return env.GetInstanceData<Instance>()->generator_class.New(
        {Napi::External<std::shared_ptr<Shared>>::New(env, &shared)});
  });
}

}  // namespace mira::binding
