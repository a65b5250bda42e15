// What a fine-tuning run can be told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fintag {

enum class Schedule { kLinear, kConstant };  // learning rate after warm-up: down to 0, or level
enum class KeepCheckpoint { kBest, kLast };  // which epoch's weights become the model

struct TrainingOptions {
  int32_t epochs = 5;                 // 1 to 1,000
  double learning_rate = 2e-5;        // over 0, at most 1
  int32_t batch_sentences = 8;        // sentences a step, 1 to 4,096; ignored if batch_tokens is set
  int32_t batch_tokens = 0;           // tokens a step at most, 0 or 16 to 1,048,576
  int32_t gradient_accumulation = 1;  // batches an optimiser step, 1 to 1,024
  double weight_decay = 0;            // AdamW's, 0 to 1; not on biases and layer norms
  double adam_beta1 = 0.9;            // 0 <= beta < 1
  double adam_beta2 = 0.999;
  double adam_epsilon = 1e-8;  // over 0
  Schedule schedule = Schedule::kLinear;
  double warmup_ratio = 0;                       // share of all steps in which the rate rises from 0; 0 <= ratio < 1
  double max_gradient_norm = 1;                  // clips the gradient's global norm; 0 leaves it alone
  std::optional<double> dropout = std::nullopt;  // 0 <= p < 1; the base's own where absent
  uint64_t seed = 42;
  KeepCheckpoint keep = KeepCheckpoint::kBest;  // best by micro F1, then loss, on the validation part
  double validation_fraction = 0.1;             // of a dataset without a validation part; over 0, under 1
  bool shuffle = true;                          // false: the corpus' own order in every epoch
  std::string device = "auto";                  // auto, cpu or cuda
  std::string precision = "fp32";               // fp32, or bf16: mixed precision, for processors and GPUs that have it
  int32_t threads = 0;                          // 0: all processors
  int32_t processes = 1;                        // trainers that share the work, 1 to 1,024: who launches them looks
};

struct FieldError {
  std::string field;   // as the contract names it: "learning_rate"
  std::string reason;  // "must be over 0 and at most 1, is -3"
};

// Every field that is wrong.
std::vector<FieldError> CheckTrainingOptions(const TrainingOptions& options);

}  // namespace fintag
