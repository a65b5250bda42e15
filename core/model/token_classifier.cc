#include "core/model/token_classifier.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/model/bert_network.h"
#include "core/model/bert_tensors.h"
#include "core/model/mixed_linear.h"
#include "core/model/torch_status.h"

namespace fintag {
namespace {

constexpr char kFused[] = "query_key_value";
constexpr const char* kFusedParts[] = {"query", "key", "value"};

using Parameters = std::vector<std::pair<std::string, at::Tensor>>;

// Takes tensors of a checkpoint to the device, as leaves of autograd, and lists them.
class ParameterReader {
 public:
  ParameterReader(const TensorMap& tensors, at::Device device, Parameters* parameters)
      : tensors_(tensors), device_(device), parameters_(*parameters) {}

  at::Tensor Read(const std::string& name) { return Add(name, tensors_.at(name)); }
  Dense ReadDense(const std::string& scope) { return {Read(scope + ".weight"), Read(scope + ".bias")}; }
  LayerNorm ReadNorm(const std::string& scope, double epsilon) {
    return {Read(scope + ".weight"), Read(scope + ".bias"), epsilon};
  }

  // Query, key and value below `scope` as one layer.
  Dense ReadFused(const std::string& scope) {
    const auto fused = [&](const std::string& kind) {
      std::vector<at::Tensor> parts;
      for (const char* part : kFusedParts) parts.push_back(tensors_.at(absl::StrCat(scope, ".", part, ".", kind)));
      return Add(absl::StrCat(scope, ".", kFused, ".", kind), at::cat(parts));
    };
    at::Tensor weight = fused("weight");
    return {weight, fused("bias")};
  }

  at::Tensor Add(const std::string& name, const at::Tensor& value) {
    at::Tensor leaf = at::empty(value.sizes(), at::TensorOptions(device_).dtype(at::kFloat));
    leaf.copy_(value.detach());
    leaf.requires_grad_();
    parameters_.emplace_back(name, leaf);
    return leaf;
  }

 private:
  const TensorMap& tensors_;
  const at::Device device_;
  Parameters& parameters_;
};

BertNetwork ReadNetwork(const BertConfig& config, ParameterReader& reader) {
  const double epsilon = config.layer_norm_epsilon;
  BertNetwork network;
  network.heads = config.heads;
  network.activation = config.activation;
  network.embeddings = {reader.Read("bert.embeddings.word_embeddings.weight"),
                        reader.Read("bert.embeddings.position_embeddings.weight"),
                        reader.Read("bert.embeddings.token_type_embeddings.weight")};
  network.embedding_norm = reader.ReadNorm("bert.embeddings.LayerNorm", epsilon);
  for (int64_t i = 0; i < config.layers; ++i) {
    const std::string scope = absl::StrCat("bert.encoder.layer.", i, ".");
    EncoderLayer layer;
    layer.query_key_value = reader.ReadFused(scope + "attention.self");
    layer.attention_output = reader.ReadDense(scope + "attention.output.dense");
    layer.attention_norm = reader.ReadNorm(scope + "attention.output.LayerNorm", epsilon);
    layer.intermediate = reader.ReadDense(scope + "intermediate.dense");
    layer.output = reader.ReadDense(scope + "output.dense");
    layer.output_norm = reader.ReadNorm(scope + "output.LayerNorm", epsilon);
    network.layers.push_back(std::move(layer));
  }
  return network;
}

bool HasClassifier(const Checkpoint& checkpoint) {
  return checkpoint.tensors.contains("classifier.weight") && checkpoint.tensors.contains("classifier.bias");
}

at::Tensor FreshClassifier(const BertConfig& config, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  const int64_t tags = static_cast<int64_t>(config.tags.size());
  return at::empty({tags, config.hidden_size}, at::kFloat).normal_(0, config.initializer_range, generator);
}

// Filled up to numbers that the network's products like.
TokenRun RunOf(const PackedBatch& batch, const std::vector<int64_t>& rows, const BertNetwork& network,
               at::Device device) {
  return MakeTokenRun(batch, rows, network.FilledTokens(batch.tokens()),
                      network.FilledRows(static_cast<int64_t>(rows.size())), device);
}

}  // namespace

TokenClassifier::TokenClassifier(BertConfig config, at::Device device) : config_(std::move(config)), device_(device) {}
TokenClassifier::~TokenClassifier() = default;

absl::StatusOr<std::unique_ptr<TokenClassifier>> TokenClassifier::Create(const Checkpoint& checkpoint,
                                                                         std::vector<std::string> tags, uint64_t seed,
                                                                         at::Device device) {
  return CatchTorch([&]() -> absl::StatusOr<std::unique_ptr<TokenClassifier>> {
    if (absl::Status status = CheckTensors(checkpoint.config, checkpoint.tensors); !status.ok()) return status;
    const bool own = HasClassifier(checkpoint) && !checkpoint.config.tags.empty();
    if (tags.empty() && !own) {
      return absl::FailedPreconditionError(
          "the checkpoint is a base encoder without a classifier: fine-tune it before tagging with it");
    }
    BertConfig config = checkpoint.config;
    const bool fresh = !own || (!tags.empty() && tags != config.tags);
    if (fresh) config.tags = std::move(tags);

    std::unique_ptr<TokenClassifier> model(new TokenClassifier(std::move(config), device));
    ParameterReader reader(checkpoint.tensors, device, &model->parameters_);
    BertNetwork network = ReadNetwork(model->config_, reader);
    if (fresh) {
      const int64_t count = static_cast<int64_t>(model->config_.tags.size());
      network.classifier.weight = reader.Add("classifier.weight", FreshClassifier(model->config_, seed));
      network.classifier.bias = reader.Add("classifier.bias", at::zeros({count}, at::kFloat));
    } else {
      network.classifier = reader.ReadDense("classifier");
    }
    model->network_ = std::make_unique<BertNetwork>(std::move(network));
    return model;
  });
}

absl::Status TokenClassifier::CheckBatch(const PackedBatch& batch, const std::vector<int64_t>& rows) const {
  if (batch.offsets.empty() || batch.offsets.front() != 0 || batch.offsets.back() != batch.tokens()) {
    return absl::InvalidArgumentError("the batch's offsets do not span its tokens");
  }
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    const int64_t length = batch.offsets[s + 1] - batch.offsets[s];
    if (length < 0) return absl::InvalidArgumentError(absl::StrCat("offset ", s + 1, " of the batch descends"));
    if (length > config_.max_positions) {
      return absl::InvalidArgumentError(absl::StrCat("sequence ", s, " of the batch has ", length,
                                                     " tokens; the model takes ", config_.max_positions));
    }
  }
  for (const int64_t id : batch.token_ids) {
    if (id < 0 || id >= config_.vocabulary_size) {
      return absl::InvalidArgumentError(
          absl::StrCat("token id ", id, " is outside the vocabulary of ", config_.vocabulary_size));
    }
  }
  for (const int64_t row : rows) {
    if (row < 0 || row >= batch.tokens()) {
      return absl::InvalidArgumentError(absl::StrCat("row ", row, " is outside the batch of ", batch.tokens()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<at::Tensor> TokenClassifier::Logits(const PackedBatch& batch, const std::vector<int64_t>& rows) const {
  if (absl::Status status = CheckBatch(batch, rows); !status.ok()) return status;
  return CatchTorch([&]() -> absl::StatusOr<at::Tensor> {
    const c10::InferenceMode inference;
    const at::Tensor logits = network_->Logits(RunOf(batch, rows, *network_, device_), StepDropout());
    return logits.narrow(0, 0, static_cast<int64_t>(rows.size())).to(at::kCPU).contiguous();
  });
}

at::Tensor TokenClassifier::TrainingLogits(const PackedBatch& batch, const std::vector<int64_t>& rows,
                                           uint64_t dropout_seed) {
  const absl::Status status = CheckBatch(batch, rows);
  TORCH_CHECK(status.ok(), std::string(status.message()));
  SeedDropout(device_, dropout_seed);
  const StepDropout dropout{config_.hidden_dropout, config_.attention_dropout,
                            config_.classifier_dropout.value_or(config_.hidden_dropout), dropout_seed};
  return network_->Logits(RunOf(batch, rows, *network_, device_), dropout)
      .narrow(0, 0, static_cast<int64_t>(rows.size()));
}

absl::Status TokenClassifier::TrainInMixedPrecision(bool adds_gradients) {
  if (device_.is_cpu() && !HasMixedLinear()) {
    return absl::FailedPreconditionError(
        "precision bf16: this processor has no instructions for bfloat16; train with precision fp32");
  }
  network_->TrainInMixedPrecision(/*rounded_gradients=*/device_.is_cpu() && !adds_gradients);
  return absl::OkStatus();
}

absl::Status TokenClassifier::Convert(Precision precision) {
  if (precision == Precision::kInt8 && !device_.is_cpu()) {
    return absl::InvalidArgumentError("int8 is computed on the CPU alone: choose fp32 or bf16 for this device");
  }
  return CatchTorch([&] {
    network_->Convert(precision);
    parameters_.clear();
    return absl::OkStatus();
  });
}

absl::StatusOr<std::unique_ptr<TokenClassifier>> TokenClassifier::ForTagging() const {
  return CatchTorch([&]() -> absl::StatusOr<std::unique_ptr<TokenClassifier>> {
    std::unique_ptr<TokenClassifier> tagger(new TokenClassifier(config_, device_));
    tagger->network_ = std::make_unique<BertNetwork>(*network_);
    tagger->network_->Convert(Precision::kFloat32);
    return tagger;
  });
}

int64_t TokenClassifier::memory_bytes() const { return network_->bytes(); }

int64_t TokenClassifier::parameter_count() const {
  int64_t count = 0;
  for (const auto& [name, parameter] : parameters_) count += parameter.numel();
  return count;
}

void TokenClassifier::set_dropout(double probability) {
  config_.hidden_dropout = probability;
  config_.attention_dropout = probability;
  config_.classifier_dropout.reset();
}

Checkpoint TokenClassifier::ToCheckpoint() const {
  const at::NoGradGuard no_gradient;
  Checkpoint checkpoint;
  checkpoint.config = config_;
  for (const auto& [name, parameter] : parameters_) {
    const at::Tensor value = parameter.detach().to(at::kCPU);
    if (!absl::StrContains(name, kFused)) {
      checkpoint.tensors[name] = value.clone();
      continue;
    }
    const std::vector<at::Tensor> parts = value.chunk(3);
    for (size_t i = 0; i < parts.size(); ++i) {
      checkpoint.tensors[absl::StrReplaceAll(name, {{kFused, kFusedParts[i]}})] = parts[i].clone();
    }
  }
  return checkpoint;
}

}  // namespace fintag
