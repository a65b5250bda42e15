// BERT encoder and token classifier on packed sequences (Devlin et al. 2018, arXiv:1810.04805).
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/bert_config.h"
#include "core/model/checkpoint_folder.h"
#include "core/model/dense.h"
#include "core/model/packed_batch.h"

namespace fintag {

struct BertNetwork;

// Holds the parameters. Logits() is safe from many threads at once; training from one.
class TokenClassifier {
 public:
  // Takes the checkpoint's weights to `device`. Where the checkpoint has no classifier, or one for other tags than
  // `tags`, a fresh one is drawn from N(0, initializer_range) with `seed` (bias 0); with an empty `tags` the
  // checkpoint's own are used (FAILED_PRECONDITION where it has none). INVALID_ARGUMENT names a tensor that is missing
  // or has another shape than the configuration says. Throws nothing.
  static absl::StatusOr<std::unique_ptr<TokenClassifier>> Create(const Checkpoint& checkpoint,
                                                                 std::vector<std::string> tags, uint64_t seed,
                                                                 at::Device device);
  ~TokenClassifier();

  // Inference, no gradients: logits of the batch's rows `rows` alone, [n, tags], float32, on the CPU; what only other
  // rows would need is not computed. Errors of LibTorch become a status. INVALID_ARGUMENT for a sequence longer than
  // max_positions, an id outside the vocabulary or a row outside the batch.
  absl::StatusOr<at::Tensor> Logits(const PackedBatch& batch, const std::vector<int64_t>& rows) const;

  // Training forward pass with dropout, recorded for autograd; the logits stay on the device. The same seed drops the
  // same elements on the same kind of device, whatever the number of threads. Throws what LibTorch throws, and
  // c10::Error where Logits() would answer INVALID_ARGUMENT: the trainer stands at the border.
  at::Tensor TrainingLogits(const PackedBatch& batch, const std::vector<int64_t>& rows, uint64_t dropout_seed);

  // Trainable parameters by name, in the checkpoint's order of layers: leaves with requires_grad. Names are the
  // checkpoint's but for two a layer: query, key and value are one linear layer here,
  // "bert.encoder.layer.N.attention.self.query_key_value.weight" [3 * hidden, hidden] and ".bias" [3 * hidden].
  // After backward() the gradient of "bert.embeddings.word_embeddings.weight" is a sparse COO tensor, [vocabulary,
  // hidden]; every other gradient is dense. On the CPU, after one backward(), its indices are distinct and ascend,
  // though LibTorch drops the flag that says so; after several, or on another device, coalesce() it before use.
  const std::vector<std::pair<std::string, at::Tensor>>& parameters() const { return parameters_; }
  int64_t parameter_count() const;

  // From here on TrainingLogits() computes the encoder's linear layers with factors rounded to bfloat16 (on the CPU by
  // mixed_linear.h); parameters and Logits() stay float32. On the CPU the gradients of these layers' weights are
  // rounded too, unless the caller `adds_gradients` of several batches. FAILED_PRECONDITION where the processor has no
  // instructions for it.
  absl::Status TrainInMixedPrecision(bool adds_gradients);

  // From here on the model tags and does nothing else, parameters() is empty: the encoder's linear layers have their
  // weights in `precision` and as its products read them. INVALID_ARGUMENT for int8 on another device than the CPU.
  absl::Status Convert(Precision precision);
  // A model that tags alone, with the weights as they are now, in float32. Where this one trains on, it is out of date:
  // the two share what is not packed. Its logits are those of Convert(kFloat32): the last bits differ from this one's.
  absl::StatusOr<std::unique_ptr<TokenClassifier>> ForTagging() const;
  int64_t memory_bytes() const;  // of the parameters, in whichever precision

  const BertConfig& config() const { return config_; }  // with tags and the dropout in force
  const at::Device& device() const { return device_; }
  void set_dropout(double probability);  // of every kind; 0 <= probability < 1

  // A copy of the weights as a checkpoint can hold them: float32, CPU.
  Checkpoint ToCheckpoint() const;

 private:
  TokenClassifier(BertConfig config, at::Device device);

  absl::Status CheckBatch(const PackedBatch& batch, const std::vector<int64_t>& rows) const;

  BertConfig config_;
  at::Device device_;
  std::vector<std::pair<std::string, at::Tensor>> parameters_;
  std::unique_ptr<BertNetwork> network_;  // the same tensors, as the forward pass walks them
};

}  // namespace fintag
