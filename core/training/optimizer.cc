#include "core/training/optimizer.h"

#include <c10/core/GradMode.h>

#include <utility>

#include "absl/strings/match.h"

namespace fintag {
namespace {

// As torch.nn.utils.clip_grad_norm_.
constexpr double kClipEpsilon = 1e-6;

class FusedOptimizer : public Optimizer {
 public:
  FusedOptimizer(const std::vector<std::pair<std::string, at::Tensor>>& parameters, const TrainingOptions& options)
      : options_(options) {
    for (const auto& [name, parameter] : parameters) {
      Group& group = groups_[HasDecay(name) ? 0 : 1];
      group.names.push_back(name);
      group.parameters.push_back(parameter);
      group.first.push_back(at::zeros_like(parameter));
      group.second.push_back(at::zeros_like(parameter));
      group.steps.push_back(at::zeros({}, parameter.options().requires_grad(false)));
    }
  }

  double Step(double learning_rate) override {
    const c10::NoGradGuard no_gradient;
    std::vector<at::Tensor> all;
    for (Group& group : groups_) {
      group.gradients.clear();
      for (const at::Tensor& parameter : group.parameters) {
        at::Tensor gradient = std::exchange(parameter.mutable_grad(), at::Tensor());
        if (!gradient.defined()) gradient = at::zeros_like(parameter);
        if (gradient.is_sparse()) gradient = gradient.to_dense();
        group.gradients.push_back(gradient.contiguous());
      }
      all.insert(all.end(), group.gradients.begin(), group.gradients.end());
    }
    if (options_.max_gradient_norm > 0) {
      const at::Tensor norm = at::stack(at::_foreach_norm(all, 2)).norm();
      const at::Tensor scale = (options_.max_gradient_norm / (norm + kClipEpsilon)).clamp_max(1.0);
      at::_foreach_mul_(all, scale);
    }
    for (Group& group : groups_) {
      if (group.parameters.empty()) continue;
      at::_foreach_add_(group.steps, 1);
      at::_fused_adamw_(group.parameters, group.gradients, group.first, group.second, /*max_exp_avg_sqs=*/{},
                        group.steps, learning_rate, options_.adam_beta1, options_.adam_beta2,
                        &group == &groups_[0] ? options_.weight_decay : 0.0, options_.adam_epsilon,
                        /*amsgrad=*/false, /*maximize=*/false);
      group.gradients.clear();
    }
    return 0;
  }

  OptimizerState State() const override {
    const c10::NoGradGuard no_gradient;
    OptimizerState state;
    for (const Group& group : groups_) {
      for (size_t i = 0; i < group.names.size(); ++i) {
        state.first[group.names[i]] = group.first[i].to(at::kCPU, at::kFloat, /*non_blocking=*/false, /*copy=*/true);
        state.second[group.names[i]] = group.second[i].to(at::kCPU, at::kFloat, /*non_blocking=*/false, /*copy=*/true);
        state.steps = static_cast<int64_t>(group.steps[i].item<double>());  // alike for all
      }
    }
    return state;
  }

  void Restore(const OptimizerState& state) override {
    const c10::NoGradGuard no_gradient;
    TORCH_CHECK(state.rows.empty(), "the moments are those of a run on the CPU");
    for (Group& group : groups_) {
      for (size_t i = 0; i < group.names.size(); ++i) {
        CopyMoments(state, group.names[i], group.first[i], group.second[i]);
        group.steps[i].fill_(static_cast<double>(state.steps));
      }
    }
  }

 private:
  struct Group {
    std::vector<std::string> names;
    std::vector<at::Tensor> parameters, gradients, first, second, steps;
  };

  const TrainingOptions options_;
  Group groups_[2];  // with decay, without
};

}  // namespace

void CopyMoments(const OptimizerState& state, const std::string& name, const at::Tensor& first,
                 const at::Tensor& second) {
  const auto found_first = state.first.find(name);
  const auto found_second = state.second.find(name);
  TORCH_CHECK(found_first != state.first.end() && found_second != state.second.end(), "moments of ", name,
              " are missing");
  TORCH_CHECK(found_first->second.sizes() == first.sizes() && found_second->second.sizes() == second.sizes(),
              "moments of ", name, " have another shape");
  first.copy_(found_first->second);
  second.copy_(found_second->second);
}

bool HasDecay(const std::string& name) {
  return !absl::EndsWith(name, ".bias") && !absl::StrContains(name, "LayerNorm");
}

std::unique_ptr<Optimizer> MakeFusedOptimizer(const std::vector<std::pair<std::string, at::Tensor>>& parameters,
                                              const TrainingOptions& options) {
  const c10::NoGradGuard no_gradient;
  return std::make_unique<FusedOptimizer>(parameters, options);
}

std::unique_ptr<Optimizer> MakeOptimizer(const std::vector<std::pair<std::string, at::Tensor>>& parameters,
                                         const TrainingOptions& options) {
  const bool on_cpu = parameters.empty() || parameters.front().second.device().is_cpu();
  return on_cpu ? MakeCpuOptimizer(parameters, options) : MakeFusedOptimizer(parameters, options);
}

}  // namespace fintag
