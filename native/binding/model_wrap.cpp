// NativeModel, randomModel and loadModel; see model_wrap.h.
#include "native/binding/model_wrap.h"
#include "native/binding/args.h"
#include "native/binding/checkpoint_args.h"
#include "native/binding/engine.h"
#include "native/binding/env_state.h"
#include "native/binding/errors.h"
#include "native/binding/exports.h"
#include "native/binding/role_wrap.h"
#include "native/binding/tensor_wrap.h"
#include "native/core/checkpoint.h"
#include "native/core/device.h"

namespace mira::binding {
namespace {

// The device's name; what it means is found out on the engine thread, where CUDA is set up.
std::string device_argument(Napi::Object options) {
  return missing(field(options, "device")) ? "cpu" : string_argument(field(options, "device"), "options.device");
}

RoleOptions role_options(Napi::Value value) {
  const Napi::Object spec = object_argument(value, "spec");
  RoleOptions options;
  options.name = string_argument(field(spec, "name"), "spec.name");
  const std::string kind = string_argument(field(spec, "kind"), "spec.kind");
  if (kind != "full" && kind != "lora") throw_type_error(value.Env(), "spec.kind", "'full' or 'lora'", field(spec, "kind"));
  options.full = kind == "full";
  if (!missing(field(spec, "copy"))) options.copy = bool_argument(field(spec, "copy"), "spec.copy");
  if (!missing(field(spec, "lora"))) {
    const Napi::Object lora = object_argument(field(spec, "lora"), "spec.lora");
    options.lora_rank = integer_argument(field(lora, "rank"), "spec.lora.rank", 1, 65536);
    options.lora_alpha = number_argument(field(lora, "alpha"), "spec.lora.alpha");
    options.lora_seed = seed_argument(field(lora, "seed"), "spec.lora.seed");
    if (!missing(field(lora, "targets"))) options.lora_targets = strings_argument(field(lora, "targets"), "spec.lora.targets");
  }
  if (!missing(field(spec, "heads"))) {
    const Napi::Array heads = array_argument(field(spec, "heads"), "spec.heads");
    for (uint32_t i = 0; i < heads.Length(); ++i) {
      const std::string name = "spec.heads[" + std::to_string(i) + "]";
      const Napi::Object head = object_argument(heads.Get(i), name);
      options.heads.push_back({string_argument(field(head, "name"), name + ".name"),
                               integer_argument(field(head, "width"), name + ".width", 1, 1 << 20),
                               seed_argument(field(head, "seed"), name + ".seed")});
    }
  }
  return options;
}

class NativeModel : public Napi::ObjectWrap<NativeModel> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeModel",
                       {InstanceAccessor<&NativeModel::config>("config"), InstanceAccessor<&NativeModel::dtype>("dtype"),
                        InstanceAccessor<&NativeModel::device>("device"),
                        InstanceMethod<&NativeModel::parameter_count>("parameterCount"),
                        InstanceMethod<&NativeModel::role>("role"), InstanceMethod<&NativeModel::dispose>("dispose")});
  }
  explicit NativeModel(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NativeModel>(info) {
    if (!info[0].IsExternal()) throw_type_error(info.Env(), "NativeModel", "to be made by loadModel or randomModel", info[0]);
    weights_ = *info[0].As<Napi::External<std::shared_ptr<Weights>>>().Data();
  }

 private:
  const std::shared_ptr<Weights>& alive(Napi::Env env) const {
    if (weights_) return weights_;
    Napi::Error error = Napi::Error::New(env, "the model was disposed; keep it until no more roles are made from it");
    error.Set("code", Napi::String::New(env, "ERR_DISPOSED"));
    throw error;
  }
  Napi::Value config(const Napi::CallbackInfo& info) { return config_object(info.Env(), alive(info.Env())->config); }
  Napi::Value dtype(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), dtype_name(alive(info.Env())->dtype()));
  }
  Napi::Value device(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), device_name(alive(info.Env())->device()));
  }
  Napi::Value parameter_count(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(alive(info.Env())->parameter_count()));
  }
  Napi::Value role(const Napi::CallbackInfo& info) {
    const RoleOptions options = role_options(info[0]);
    return run_on_engine(info.Env(), "role", info[1],
                         [weights = alive(info.Env()), options](const std::atomic<bool>&) -> Deliver {
                           auto trainer = std::make_shared<Trainer>(make_role(weights, options));
                           return [trainer](Napi::Env env) { return wrap_role(env, trainer); };
                         });
  }
  void dispose(const Napi::CallbackInfo&) { weights_.reset(); }

  std::shared_ptr<Weights> weights_;
};

Napi::Value random_model(const Napi::CallbackInfo& info) {
  const GemmaConfig config = config_argument(info[0], "config");
  const Napi::Object options = object_argument(info[1], "options");
  const at::ScalarType dtype = weights_dtype(field(options, "dtype"), "options.dtype");
  const uint64_t seed = seed_argument(field(options, "seed"), "options.seed");
  const double init_std = number_argument(field(options, "initStd"), "options.initStd");
  const double gain = number_argument(field(options, "postNormGain"), "options.postNormGain");
  const std::string device = device_argument(options);
  return run_on_engine(info.Env(), "randomModel", info[2], [=](const std::atomic<bool>&) -> Deliver {
    if (!(init_std >= 0)) throw std::invalid_argument("options.initStd: expected a number >= 0, got " + std::to_string(init_std) + ".");
    auto weights = random_weights(config, dtype, seed, init_std, gain, parse_device(device));
    return [weights](Napi::Env env) { return wrap_model(env, weights); };
  });
}

Napi::Value load_model(const Napi::CallbackInfo& info) {
  const GemmaConfig config = config_argument(info[0], "config");
  const Napi::Object options = object_argument(info[1], "options");
  LoadOptions load{.from = weight_files_argument(options, "options"),
                   .dtype = weights_dtype(field(options, "dtype"), "options.dtype")};
  if (!missing(field(options, "bufferBytes")))
    load.buffer_bytes = static_cast<uint64_t>(integer_argument(field(options, "bufferBytes"), "options.bufferBytes", 1));
  const std::string device = device_argument(options);
  const std::shared_ptr<LoadProgress> progress = progress_argument(info[3], "progress");
  return run_on_engine(info.Env(), "loadModel", info[2], [=](const std::atomic<bool>& cancelled) mutable -> Deliver {
    load.device = parse_device(device);
    load.progress = progress.get();
    auto weights = load_weights(config, load, &cancelled);
    return [weights](Napi::Env env) { return wrap_model(env, weights); };
  });
}

}  // namespace

GemmaConfig config_argument(Napi::Value value, const std::string& name) {
  const Napi::Object object = object_argument(value, name);
  const auto integer = [&](const char* key) { return integer_argument(field(object, key), name + "." + key, 1); };
  const auto number = [&](const char* key) { return number_argument(field(object, key), name + "." + key); };
  GemmaConfig c;
  c.vocab = integer("vocab");
  c.hidden = integer("hidden");
  c.layers = integer("layers");
  c.heads = integer("heads");
  c.kv_heads = integer("kvHeads");
  c.head_dim = integer("headDim");
  c.intermediate = integer("intermediate");
  c.sliding_window = integer("slidingWindow");
  c.max_positions = integer("maxPositions");
  c.rms_eps = number("rmsEps");
  c.query_pre_attn_scalar = number("queryPreAttnScalar");
  c.rope_theta_global = number("ropeThetaGlobal");
  c.rope_theta_local = number("ropeThetaLocal");
  c.rope_factor_global = number("ropeFactorGlobal");
  const Napi::Array global = array_argument(field(object, "layerIsGlobal"), name + ".layerIsGlobal");
  for (uint32_t i = 0; i < global.Length(); ++i)
    c.layer_is_global.push_back(bool_argument(global.Get(i), name + ".layerIsGlobal[" + std::to_string(i) + "]"));
  return c;
}

Napi::Object config_object(Napi::Env env, const GemmaConfig& c) {
  Napi::Object object = Napi::Object::New(env);
  const auto set = [&](const char* key, double value) { object.Set(key, Napi::Number::New(env, value)); };
  set("vocab", static_cast<double>(c.vocab));
  set("hidden", static_cast<double>(c.hidden));
  set("layers", static_cast<double>(c.layers));
  set("heads", static_cast<double>(c.heads));
  set("kvHeads", static_cast<double>(c.kv_heads));
  set("headDim", static_cast<double>(c.head_dim));
  set("intermediate", static_cast<double>(c.intermediate));
  set("slidingWindow", static_cast<double>(c.sliding_window));
  set("maxPositions", static_cast<double>(c.max_positions));
  set("rmsEps", c.rms_eps);
  set("queryPreAttnScalar", c.query_pre_attn_scalar);
  set("ropeThetaGlobal", c.rope_theta_global);
  set("ropeThetaLocal", c.rope_theta_local);
  set("ropeFactorGlobal", c.rope_factor_global);
  Napi::Array global = Napi::Array::New(env, c.layer_is_global.size());
  for (size_t i = 0; i < c.layer_is_global.size(); ++i)
    global.Set(static_cast<uint32_t>(i), Napi::Boolean::New(env, c.layer_is_global[i] != 0));
  object.Set("layerIsGlobal", global);
  return object;
}

Napi::Value wrap_model(Napi::Env env, std::shared_ptr<Weights> weights) {
  return env.GetInstanceData<Instance>()->model_class.New({Napi::External<std::shared_ptr<Weights>>::New(env, &weights)});
}

void init_model(Napi::Env env, Napi::Object exports) {
  env.GetInstanceData<Instance>()->model_class = Napi::Persistent(NativeModel::define(env));
  exports.Set("randomModel", Napi::Function::New<random_model>(env, "randomModel"));
  exports.Set("loadModel", Napi::Function::New<load_model>(env, "loadModel"));
}

}  // namespace mira::binding
