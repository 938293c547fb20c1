// NativeRole: every verb copies its arguments on the JS thread and runs on the engine thread; see role_wrap.h.
#include "native/binding/role_wrap.h"
#include "native/binding/args.h"
#include "native/binding/checkpoint_args.h"
#include "native/binding/engine.h"
#include "native/binding/env_state.h"
#include "native/binding/errors.h"
#include "native/binding/exports.h"
#include "native/binding/generator_wrap.h"
#include "native/binding/role_args.h"
#include "native/binding/tensor_wrap.h"
#include "native/core/checkpoint.h"

namespace mira::binding {
namespace {

constexpr napi_type_tag kRoleTag = {0x6d6972612d726f6cULL, 0x65686164736c6f72ULL};

Deliver deliver_undefined() {
  return [](Napi::Env env) { return env.Undefined(); };
}
Deliver deliver_tensor(const at::Tensor& tensor) {
  return [tensor = exportable(tensor)](Napi::Env env) { return wrap_tensor(env, tensor); };
}

class NativeRole : public Napi::ObjectWrap<NativeRole> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "NativeRole",
        {InstanceAccessor<&NativeRole::name>("name"), InstanceMethod<&NativeRole::logprobs>("logprobs"),
         InstanceMethod<&NativeRole::logits>("logits"), InstanceMethod<&NativeRole::scores>("scores"),
         InstanceMethod<&NativeRole::policy_step>("policyStep"), InstanceMethod<&NativeRole::critic_step>("criticStep"),
         InstanceMethod<&NativeRole::configure_optimizer>("configureOptimizer"),
         InstanceMethod<&NativeRole::optimizer_step>("optimizerStep"),
         InstanceMethod<&NativeRole::zero_gradients>("zeroGradients"),
         InstanceMethod<&NativeRole::accumulated_steps>("accumulatedSteps"),
         InstanceMethod<&NativeRole::activation_memory>("activationMemory"),
         InstanceMethod<&NativeRole::parameters>("parameters"), InstanceMethod<&NativeRole::parameter>("parameter"),
         InstanceMethod<&NativeRole::gradient>("gradient"), InstanceMethod<&NativeRole::copy_from>("copyFrom"),
         InstanceMethod<&NativeRole::save_adapter>("saveAdapter"), InstanceMethod<&NativeRole::load_adapter>("loadAdapter"),
         InstanceMethod<&NativeRole::save_optimizer>("saveOptimizer"),
         InstanceMethod<&NativeRole::load_optimizer>("loadOptimizer"),
         InstanceMethod<&NativeRole::save_weights>("saveWeights"), InstanceMethod<&NativeRole::generator>("generator"),
         InstanceMethod<&NativeRole::dispose>("dispose")});
  }
  explicit NativeRole(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NativeRole>(info) {
    info.This().As<Napi::Object>().TypeTag(&kRoleTag);
    if (!info[0].IsExternal()) throw_type_error(info.Env(), "NativeRole", "to be made by model.role", info[0]);
    trainer_ = *info[0].As<Napi::External<std::shared_ptr<Trainer>>>().Data();
  }

  const std::shared_ptr<Trainer>& alive(Napi::Env env) const {
    if (trainer_) return trainer_;
    Napi::Error error = Napi::Error::New(env, "the role was disposed; keep it until nothing more is asked of it");
    error.Set("code", Napi::String::New(env, "ERR_DISPOSED"));
    throw error;
  }

 private:
  // A verb over a batch: its arguments are copied, its batch checked before anything is computed.
  template <class F>
  Napi::Value over_batch(const Napi::CallbackInfo& info, const char* verb, Napi::Value cancel, F f) {
    return run_on_engine(info.Env(), verb, cancel,
                         [trainer = alive(info.Env()), batch = batch_argument(info[0]), f = std::move(f)](
                             const std::atomic<bool>& cancelled) -> Deliver {
                           const GemmaConfig& config = trainer->role()->weights->config;
                           check_batch(batch, config.vocab, config.max_positions);
                           return f(*trainer, batch, cancelled);
                         });
  }
  // A verb over a path.
  template <class F>
  Napi::Value over_path(const Napi::CallbackInfo& info, const char* verb, F f, Napi::Value cancel = Napi::Value()) {
    const std::string path = string_argument(info[0], "path");
    return run_on_engine(info.Env(), verb, cancel.IsEmpty() ? info.Env().Undefined() : cancel,
                         [trainer = alive(info.Env()), path, f = std::move(f)](const std::atomic<bool>& cancelled) {
                           f(*trainer, path, cancelled);
                           return deliver_undefined();
                         });
  }

  Napi::Value name(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), alive(info.Env())->role()->name); }

  Napi::Value logprobs(const Napi::CallbackInfo& info) {
    const Napi::Object options = object_argument(info[1], "options");
    LogprobOptions how{.temperature = number_argument(field(options, "temperature"), "options.temperature"),
                       .chunk = integer_argument(field(options, "chunk"), "options.chunk", 1),
                       .entropy = bool_argument(field(options, "entropy"), "options.entropy"),
                       .exact = exact_argument(field(options, "exact"))};
    return over_batch(info, "logprobs", info[2],
                      [how](Trainer& trainer, const PackedBatch& batch, const std::atomic<bool>& cancelled) -> Deliver {
                        LogprobOptions options = how;
                        options.cancelled = &cancelled;
                        Logprobs found = trainer.logprobs(batch, options);
                        found.logprob_N = exportable(found.logprob_N);
                        if (found.entropy_N.defined()) found.entropy_N = exportable(found.entropy_N);
                        return [found](Napi::Env env) -> Napi::Value {
                          Napi::Object result = Napi::Object::New(env);
                          result.Set("logprobs", wrap_tensor(env, found.logprob_N));
                          if (found.entropy_N.defined()) result.Set("entropy", wrap_tensor(env, found.entropy_N));
                          return result;
                        };
                      });
  }

  Napi::Value logits(const Napi::CallbackInfo& info) {
    return over_batch(info, "logits", info[1],
                      [](Trainer& trainer, const PackedBatch& batch, const std::atomic<bool>& cancelled) {
                        return deliver_tensor(trainer.logits(batch, &cancelled));
                      });
  }

  Napi::Value scores(const Napi::CallbackInfo& info) {
    return over_batch(info, "scores", info[1],
                      [](Trainer& trainer, const PackedBatch& batch, const std::atomic<bool>& cancelled) {
                        return deliver_tensor(trainer.head_scores(batch, &cancelled));
                      });
  }

  Napi::Value policy_step(const Napi::CallbackInfo& info) {
    const Objective objective = objective_argument(info[1]);
    const Napi::Object options = object_argument(info[2], "options");
    const Checkpoint checkpoint = checkpoint_argument(field(options, "checkpoint"));
    const int64_t chunk = integer_argument(field(options, "chunk"), "options.chunk", 1);
    const Exact exact = exact_argument(field(options, "exact"));
    return over_batch(info, "policyStep", info[3],
                      [=](Trainer& trainer, const PackedBatch& batch, const std::atomic<bool>& cancelled) -> Deliver {
                        PolicyStep step = trainer.policy_step(batch, objective, {checkpoint, &cancelled}, chunk, exact);
                        step.logprob_N = exportable(step.logprob_N);
                        step.log_ratio_A = exportable(step.log_ratio_A);
                        return [step](Napi::Env env) -> Napi::Value {
                          Napi::Object result = Napi::Object::New(env);
                          result.Set("loss", step.loss);
                          result.Set("logprobs", wrap_tensor(env, step.logprob_N));
                          result.Set("logRatios", wrap_tensor(env, step.log_ratio_A));
                          return result;
                        };
                      });
  }

  Napi::Value critic_step(const Napi::CallbackInfo& info) {
    const CriticTargets targets = critic_argument(info[1]);
    const Napi::Object options = object_argument(info[2], "options");
    const Checkpoint checkpoint = checkpoint_argument(field(options, "checkpoint"));
    return over_batch(info, "criticStep", info[3],
                      [=](Trainer& trainer, const PackedBatch& batch, const std::atomic<bool>& cancelled) -> Deliver {
                        CriticStep step = trainer.critic_step(batch, targets, {checkpoint, &cancelled});
                        step.scores_BM = exportable(step.scores_BM);
                        return [step](Napi::Env env) -> Napi::Value {
                          Napi::Object result = Napi::Object::New(env);
                          Napi::Array heads = Napi::Array::New(env, step.loss_per_head.size());
                          for (size_t i = 0; i < step.loss_per_head.size(); ++i)
                            heads.Set(static_cast<uint32_t>(i), step.loss_per_head[i]);
                          result.Set("loss", step.loss);
                          result.Set("lossPerHead", heads);
                          result.Set("scores", wrap_tensor(env, step.scores_BM));
                          return result;
                        };
                      });
  }

  // Checked here, applied in order with the verbs around it.
  void configure_optimizer(const Napi::CallbackInfo& info) {
    const AdamWSpec spec = adamw_argument(info[0]);
    guarded(info.Env(), "configureOptimizer", [&] { AdamW checked(spec); });
    post_to_engine([trainer = alive(info.Env()), spec] { trainer->configure_optimizer(spec); });
  }

  Napi::Value optimizer_step(const Napi::CallbackInfo& info) {
    const Napi::Object options = object_argument(info[0], "options");
    const double lr = number_argument(field(options, "lr"), "options.lr");
    const double clip = number_argument(field(options, "clipNorm"), "options.clipNorm");
    return run_on_engine(info.Env(), "optimizerStep", info[1],
                         [trainer = alive(info.Env()), lr, clip](const std::atomic<bool>&) -> Deliver {
                           const OptimizerStep step = trainer->optimizer_step(lr, clip);
                           return [step](Napi::Env env) -> Napi::Value {
                             Napi::Object result = Napi::Object::New(env);
                             result.Set("gradNorm", step.grad_norm);
                             result.Set("clipped", step.clipped);
                             result.Set("step", static_cast<double>(step.step));
                             return result;
                           };
                         });
  }

  Napi::Value zero_gradients(const Napi::CallbackInfo& info) {
    return run_on_engine(info.Env(), "zeroGradients", info.Env().Undefined(),
                         [trainer = alive(info.Env())](const std::atomic<bool>&) {
                           trainer->zero_gradients();
                           return deliver_undefined();
                         });
  }

  Napi::Value accumulated_steps(const Napi::CallbackInfo& info) {
    return run_on_engine(info.Env(), "accumulatedSteps", info.Env().Undefined(),
                         [trainer = alive(info.Env())](const std::atomic<bool>&) -> Deliver {
                           const auto steps = static_cast<double>(trainer->accumulated_steps());
                           return [steps](Napi::Env env) { return Napi::Number::New(env, steps); };
                         });
  }

  Napi::Value activation_memory(const Napi::CallbackInfo& info) {
    const Checkpoint checkpoint = checkpoint_argument(field(object_argument(info[1], "options"), "checkpoint"));
    return over_batch(info, "activationMemory", info[2],
                      [=](Trainer& trainer, const PackedBatch& batch, const std::atomic<bool>& cancelled) -> Deliver {
                        const MemoryUse use = trainer.activation_memory(batch, {checkpoint, &cancelled});
                        return [use](Napi::Env env) -> Napi::Value {
                          Napi::Object result = Napi::Object::New(env);
                          result.Set("held", static_cast<double>(use.held));
                          result.Set("peak", static_cast<double>(use.peak));
                          return result;
                        };
                      });
  }

  Napi::Value parameters(const Napi::CallbackInfo& info) {
    at::NoGradGuard no_grad;
    const Role& role = *alive(info.Env())->role();
    const size_t weights = role.weights->named_views().size();
    const auto named = role.named();
    Napi::Array list = Napi::Array::New(info.Env(), named.size());
    for (size_t i = 0; i < named.size(); ++i) {
      Napi::Object entry = Napi::Object::New(info.Env());
      Napi::Array shape = Napi::Array::New(info.Env());
      for (int64_t size : named[i].second.sizes()) shape.Set(shape.Length(), static_cast<double>(size));
      entry.Set("name", named[i].first);
      entry.Set("shape", shape);
      entry.Set("dtype", dtype_name(named[i].second.scalar_type()));
      entry.Set("trainable", Napi::Boolean::New(info.Env(), i >= weights || role.trains_weights));
      list.Set(static_cast<uint32_t>(i), entry);
    }
    return list;
  }

  Napi::Value parameter(const Napi::CallbackInfo& info) {
    const std::string name = string_argument(info[0], "name");
    return run_on_engine(info.Env(), "parameter", info.Env().Undefined(),
                         [trainer = alive(info.Env()), name](const std::atomic<bool>&) {
                           return deliver_tensor(trainer->parameter(name));
                         });
  }

  Napi::Value gradient(const Napi::CallbackInfo& info) {
    const std::string name = string_argument(info[0], "name");
    return run_on_engine(info.Env(), "gradient", info.Env().Undefined(),
                         [trainer = alive(info.Env()), name](const std::atomic<bool>&) {
                           return deliver_tensor(trainer->gradient(name));
                         });
  }

  Napi::Value copy_from(const Napi::CallbackInfo& info) {
    return run_on_engine(info.Env(), "copyFrom", info.Env().Undefined(),
                         [trainer = alive(info.Env()), other = trainer_of(info[0])](const std::atomic<bool>&) {
                           copy_trainable(*trainer->role(), *other->role());
                           trainer->parameters_changed();
                           return deliver_undefined();
                         });
  }

  Napi::Value save_adapter(const Napi::CallbackInfo& info) {
    const AdapterOptions options = adapter_argument(info[1], "options");
    return over_path(info, "saveAdapter", [options](Trainer& trainer, const std::string& path, const std::atomic<bool>& cancelled) {
      mira::save_adapter(*trainer.role(), path, options, &cancelled);
    });
  }
  Napi::Value load_adapter(const Napi::CallbackInfo& info) {
    const AdapterOptions options = adapter_argument(info[1], "options");
    return over_path(info, "loadAdapter", [options](Trainer& trainer, const std::string& path, const std::atomic<bool>&) {
      mira::load_adapter(*trainer.role(), path, options);
      trainer.parameters_changed();
    });
  }
  Napi::Value save_optimizer(const Napi::CallbackInfo& info) {
    return over_path(info, "saveOptimizer", [](Trainer& trainer, const std::string& path, const std::atomic<bool>& cancelled) {
      mira::save_optimizer(trainer, path, &cancelled);
    });
  }
  Napi::Value load_optimizer(const Napi::CallbackInfo& info) {
    return over_path(info, "loadOptimizer", [](Trainer& trainer, const std::string& path, const std::atomic<bool>&) {
      mira::load_optimizer(trainer, path);
    });
  }
  Napi::Value save_weights(const Napi::CallbackInfo& info) {
    const SaveOptions options = save_argument(info[1], "options");
    const bool merge = bool_argument(field(info[1].As<Napi::Object>(), "merge"), "options.merge");
    return over_path(info, "saveWeights", [options, merge](Trainer& trainer, const std::string& folder, const std::atomic<bool>& cancelled) {
      const Role& role = *trainer.role();
      if (merge && !role.lora) throw std::invalid_argument("merge: role '" + role.name + "' has no adapters to merge.");
      mira::save_weights(*role.weights, merge ? &*role.lora : nullptr, folder, options, &cancelled);
    }, info[2]);
  }

  Napi::Value generator(const Napi::CallbackInfo& info) {
    return make_generator(info.Env(), alive(info.Env())->role(), info[0]);
  }

  void dispose(const Napi::CallbackInfo&) { trainer_.reset(); }

  std::shared_ptr<Trainer> trainer_;
};

}  // namespace

Napi::Value wrap_role(Napi::Env env, std::shared_ptr<Trainer> trainer) {
  return env.GetInstanceData<Instance>()->role_class.New({Napi::External<std::shared_ptr<Trainer>>::New(env, &trainer)});
}

std::shared_ptr<Trainer> trainer_of(Napi::Value value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kRoleTag)) throw_type_error(value.Env(), "role", "a NativeRole", value);
  return NativeRole::Unwrap(value.As<Napi::Object>())->alive(value.Env());
}

std::shared_ptr<Role> role_of(Napi::Value value) { return trainer_of(value)->role(); }

void init_role(Napi::Env env, Napi::Object) {
  env.GetInstanceData<Instance>()->role_class = Napi::Persistent(NativeRole::define(env));
}

}  // namespace mira::binding
