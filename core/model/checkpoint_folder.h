// A checkpoint in Hugging Face layout: config.json, vocab.txt or tokenizer.json, model.safetensors (CHECKPOINT.md).
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/bert_config.h"
#include "core/model/weight_files.h"

namespace fintag {

// Parameters by their name in transformers' BertForTokenClassification ("bert.embeddings.word_embeddings.weight",
// "classifier.bias"), float32 on the CPU. Those of ReadCheckpoint may be views of the file: read them only.
using TensorMap = std::map<std::string, at::Tensor>;

struct Checkpoint {
  BertConfig config;
  TensorMap tensors;
  std::vector<std::string> notes;  // what was left out: "cls.predictions.bias: masked-language head, not used"
};

// Reads config and weights: model.safetensors, its index and shards, or pytorch_model.bin, in that order. Bare names
// ("embeddings...") gain the prefix "bert."; LayerNorm's old names gamma and beta become weight and bias. Every
// tensor that `config` calls for is there and has its shape, else INVALID_ARGUMENT names the tensor, the shape found
// and the one expected. The classifier may be absent (base encoder). NOT_FOUND where a file is missing.
absl::StatusOr<Checkpoint> ReadCheckpoint(const std::filesystem::path& folder,
                                          WeightAccess access = WeightAccess::kMap);

// Writes the checkpoint beside `folder` under a temporary name, with the tokenizer's files out of `tokenizer_folder`
// (unchanged; an empty path for none; may be `folder` itself) and `extra_files` by content ("fintag.json"), syncs it
// and puts it in the place of `folder`: after a kill at any moment `folder` is the old or the new one. The temporary
// folder of a killed writer is removed. One writer at a time for a folder. INVALID_ARGUMENT where a tensor that the
// configuration calls for is missing, misshapen or left over; NOT_FOUND where `tokenizer_folder` holds no vocabulary;
// FAILED_PRECONDITION where CheckReplaceable says so.
absl::Status WriteCheckpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint,
                             const std::filesystem::path& tokenizer_folder,
                             const std::map<std::string, std::string>& extra_files);

// FAILED_PRECONDITION where `folder` holds a file or folder of a name that WriteCheckpoint with extra files of those
// names does not write (with or without ".tmp", as of a killed writer), since replacing would delete it; OK where there
// is no such folder, and for precision.json, which is worth nothing without its weights. UNAVAILABLE if unreadable.
absl::Status CheckReplaceable(const std::filesystem::path& folder, const std::set<std::string>& extra_files);

}  // namespace fintag
