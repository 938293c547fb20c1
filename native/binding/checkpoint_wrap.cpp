// weightShapes, exportWeights, and LoadProgress, which a loading model counts its bytes in.
#include <napi.h>
#include "native/binding/args.h"
#include "native/binding/checkpoint_args.h"
#include "native/binding/engine.h"
#include "native/binding/errors.h"
#include "native/binding/exports.h"
#include "native/binding/model_wrap.h"
#include "native/core/weights.h"

namespace mira::binding {
namespace {

constexpr napi_type_tag kProgressTag = {0x6d6972612d6c6f61ULL, 0x642d70726f677265ULL};

class LoadProgressWrap : public Napi::ObjectWrap<LoadProgressWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "LoadProgress",
                       {InstanceAccessor<&LoadProgressWrap::done>("done"), InstanceAccessor<&LoadProgressWrap::total>("total")});
  }
  explicit LoadProgressWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<LoadProgressWrap>(info) {
    info.This().As<Napi::Object>().TypeTag(&kProgressTag);
  }
  const std::shared_ptr<LoadProgress>& counters() const { return counters_; }

 private:
  Napi::Value done(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(counters_->done.load()));
  }
  Napi::Value total(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(counters_->total.load()));
  }

  std::shared_ptr<LoadProgress> counters_ = std::make_shared<LoadProgress>();
};

// Names and shapes under Hugging Face's text names, without prefix; from the meta device, so nothing is allocated.
Napi::Value weight_shapes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, "weightShapes", [&]() -> Napi::Value {
    const auto weights = allocate_weights(config_argument(info[0], "config"), at::kFloat, at::kMeta);
    Napi::Array list = Napi::Array::New(env);
    for (const auto& [name, tensor] : weights->named_views()) {
      Napi::Object row = Napi::Object::New(env);
      Napi::Array shape = Napi::Array::New(env);
      for (int64_t size : tensor.sizes()) shape.Set(shape.Length(), static_cast<double>(size));
      row.Set("name", name);
      row.Set("shape", shape);
      list.Set(list.Length(), row);
    }
    return list;
  });
}

Napi::Value export_files(const Napi::CallbackInfo& info) {
  const GemmaConfig config = config_argument(info[0], "config");
  const Napi::Object options = object_argument(info[1], "options");
  const WeightFiles from = weight_files_argument(object_argument(field(options, "from"), "options.from"), "options.from");
  const SaveOptions save = save_argument(field(options, "to"), "options.to");
  const std::string folder = string_argument(field(options, "folder"), "options.folder");
  std::optional<AdapterFile> merged;
  if (!missing(field(options, "merged"))) {
    const Napi::Object adapter = object_argument(field(options, "merged"), "options.merged");
    merged = {string_argument(field(adapter, "file"), "options.merged.file"), string_argument(field(adapter, "prefix"), "options.merged.prefix"),
              number_argument(field(adapter, "scale"), "options.merged.scale")};
  }
  return run_on_engine(info.Env(), "exportWeights", info[2], [=](const std::atomic<bool>& cancelled) -> Deliver {
    export_weights(config, from, merged, folder, save, &cancelled);
    return [](Napi::Env env) { return env.Undefined(); };
  });
}

}  // namespace

std::shared_ptr<LoadProgress> progress_argument(Napi::Value value, const std::string& name) {
  if (missing(value)) return nullptr;
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kProgressTag))
    throw_type_error(value.Env(), name, "a LoadProgress", value);
  return LoadProgressWrap::Unwrap(value.As<Napi::Object>())->counters();
}

void init_checkpoint(Napi::Env env, Napi::Object exports) {
  exports.Set("LoadProgress", LoadProgressWrap::define(env));
  exports.Set("weightShapes", Napi::Function::New(env, weight_shapes, "weightShapes"));
  exports.Set("exportWeights", Napi::Function::New(env, export_files, "exportWeights"));
}

}  // namespace mira::binding
