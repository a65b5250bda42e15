#include "core/model/checkpoint_folder.h"

#include <array>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "core/model/atomic_folder.h"
#include "core/model/bert_tensors.h"
#include "core/model/mapped_file.h"
#include "core/model/output_file.h"
#include "core/model/printable.h"
#include "core/model/safetensors.h"
#include "core/model/stored_tensor.h"
#include "core/model/torch_status.h"
#include "core/model/weight_files.h"
#include "core/text/strings.h"

namespace fintag {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kConfig = "config.json";
constexpr std::string_view kWeights = "model.safetensors";
constexpr std::array<std::string_view, 5> kTokenizerFiles = {"vocab.txt", "tokenizer.json", "tokenizer_config.json",
                                                             "special_tokens_map.json", "added_tokens.json"};

absl::StatusOr<BertConfig> ReadConfig(const fs::path& path) {
  const auto file = MappedFile::Open(path);
  if (!file.ok()) return file.status();
  constexpr size_t kLargest = 16 << 20;
  if ((*file)->bytes().size() > kLargest) {
    return absl::InvalidArgumentError(StrCat(path.string(), " is larger than 16 MB"));
  }
  auto config = ParseBertConfig((*file)->text());
  if (!config.ok()) {
    return absl::Status(config.status().code(), StrCat(path.string(), ": ", config.status().message()));
  }
  return config;
}

// Takes over the tensors that `checkpoint.config` calls for and notes the rest.
absl::Status TakeTensors(const WeightFiles& weights, Checkpoint& checkpoint) {
  const auto files = std::make_shared<const std::vector<std::shared_ptr<const MappedFile>>>(weights.files);
  std::map<std::string, std::vector<int64_t>> expected;
  for (auto* list : {&EncoderTensors, &ClassifierTensors}) {
    for (BertTensor& tensor : (*list)(checkpoint.config)) expected[tensor.name] = std::move(tensor.shape);
  }
  uint64_t taken = 0;  // elements
  for (const StoredTensor& stored : weights.tensors) {
    const std::string name = CanonicalTensorName(stored.name);
    const auto shape = expected.find(name);
    if (shape == expected.end()) {
      checkpoint.notes.push_back(StrCat(Printable(stored.name), ": ", ReasonToIgnore(name)));
      continue;
    }
    if (stored.shape != shape->second) {
      return absl::InvalidArgumentError(StrCat("tensor ", Printable(stored.name), " has shape ",
                                               ShapeText(stored.shape), "; config.json calls for ",
                                               ShapeText(shape->second)));
    }
    if (checkpoint.tensors.contains(name)) {
      return absl::InvalidArgumentError(StrCat("tensor ", name, " occurs under two names"));
    }
    // Storages of a torch archive can be shared; a small file must not turn into any amount of memory that way.
    taken += ElementCount(stored.shape).value_or(0);
    if (taken * 2 > weights.bytes()) {  // no type of weights takes less than two bytes
      return absl::InvalidArgumentError(StrCat("tensor ", name, ": the tensors take more than their file"));
    }
    auto tensor = ToFloat32(stored, files);
    if (!tensor.ok()) return tensor.status();
    checkpoint.tensors.emplace(name, *std::move(tensor));
  }
  return CheckTensors(checkpoint.config, checkpoint.tensors);
}

// What is written must load elsewhere without a tensor missing or left over.
absl::Status CheckComplete(const Checkpoint& checkpoint) {
  if (absl::Status status = CheckTensors(checkpoint.config, checkpoint.tensors); !status.ok()) return status;
  const size_t expected = EncoderTensors(checkpoint.config).size() + ClassifierTensors(checkpoint.config).size();
  if (checkpoint.tensors.size() == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("the checkpoint has ", checkpoint.tensors.size(), " tensors; ", expected,
                                           " are called for by a configuration of ", checkpoint.config.tags.size(),
                                           " tags"));
}

absl::Status CopyTokenizer(const fs::path& from, const fs::path& to) {
  bool has_vocabulary = false;
  for (const std::string_view name : kTokenizerFiles) {
    std::error_code error;
    if (!fs::exists(from / name, error)) continue;
    const auto file = MappedFile::Open(from / name);
    if (!file.ok()) return file.status();
    if (const absl::Status status = WriteWholeFile(to / name, (*file)->text()); !status.ok()) return status;
    has_vocabulary = has_vocabulary || name == "vocab.txt" || name == "tokenizer.json";
  }
  if (has_vocabulary) return absl::OkStatus();
  return absl::NotFoundError(StrCat(from.string(), " holds neither vocab.txt nor tokenizer.json"));
}

bool IsPlainName(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.find_first_of(std::string_view("/\0", 2)) == name.npos;
}

absl::Status CheckExtraFiles(const std::map<std::string, std::string>& files) {
  for (const auto& [name, content] : files) {
    if (!IsPlainName(name) || name == kConfig || name == kWeights) {
      return absl::InvalidArgumentError(StrCat("\"", Printable(name), "\" cannot name a file of a checkpoint"));
    }
  }
  return absl::OkStatus();
}

absl::Status WriteFiles(const fs::path& folder, const Checkpoint& checkpoint, const fs::path& tokenizer_folder,
                        const std::map<std::string, std::string>& extra_files) {
  absl::Status status = WriteWholeFile(folder / kConfig, BertConfigJson(checkpoint.config));
  if (status.ok()) status = WriteSafetensors(folder / kWeights, checkpoint.tensors);
  if (status.ok() && !tokenizer_folder.empty()) status = CopyTokenizer(tokenizer_folder, folder);
  for (const auto& [name, content] : extra_files) {
    if (status.ok()) status = WriteWholeFile(folder / name, content);
  }
  return status;
}

}  // namespace

absl::StatusOr<Checkpoint> ReadCheckpoint(const fs::path& folder, WeightAccess access) {
  const fs::path readable = AtomicFolder::Readable(folder);
  std::error_code error;
  if (!fs::is_directory(readable, error)) {
    return absl::NotFoundError(StrCat("no checkpoint folder ", folder.string()));
  }
  Checkpoint checkpoint;
  auto config = ReadConfig(readable / kConfig);
  if (!config.ok()) return config.status();
  checkpoint.config = *std::move(config);
  const auto weights = OpenWeights(readable, access);
  if (!weights.ok()) return weights.status();
  const absl::Status status = CatchTorch([&]() -> absl::Status {
    if (absl::Status taken = TakeTensors(*weights, checkpoint); !taken.ok()) return taken;
    // Each goes by itself once it is packed; a view of what was read would keep all of it.
    if (access == WeightAccess::kRead) {
      for (auto& [name, tensor] : checkpoint.tensors) tensor = tensor.clone();
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return absl::Status(status.code(), StrCat(folder.string(), ": ", status.message()));
  return checkpoint;
}

absl::Status CheckReplaceable(const fs::path& folder, const std::set<std::string>& extra_files) {
  std::error_code error;
  if (!fs::exists(folder, error)) return absl::OkStatus();
  if (!fs::is_directory(folder, error)) {
    return absl::FailedPreconditionError(StrCat(folder.string(), " exists and is not a folder"));
  }
  std::set<std::string> written = extra_files;
  // The last one is core/tagging's word on the weights that go.
  written.insert({std::string(kConfig), std::string(kWeights), "precision.json"});
  written.insert(kTokenizerFiles.begin(), kTokenizerFiles.end());
  for (fs::directory_iterator i(folder, error), end; !error && i != end; i.increment(error)) {
    const std::string name = i->path().filename().string();
    // What a killed writer of one file leaves goes with it.
    const std::string whole = name.ends_with(".tmp") ? i->path().stem().string() : name;
    if (written.contains(whole) && i->is_regular_file(error)) continue;
    return absl::FailedPreconditionError(StrCat(folder.string(), " holds ", Printable(name),
                                                ", which no checkpoint that is written here has: nothing is replaced; ",
                                                "name another folder, or remove that"));
  }
  if (error) return absl::UnavailableError(StrCat("cannot read ", folder.string(), ": ", error.message()));
  return absl::OkStatus();
}

absl::Status WriteCheckpoint(const fs::path& folder, const Checkpoint& checkpoint, const fs::path& tokenizer_folder,
                             const std::map<std::string, std::string>& extra_files) {
  return CatchTorch([&]() -> absl::Status {
    absl::Status status = CheckExtraFiles(extra_files);
    if (status.ok()) status = CheckComplete(checkpoint);
    std::set<std::string> names;
    for (const auto& [name, content] : extra_files) names.insert(name);
    if (status.ok()) status = CheckReplaceable(folder, names);
    if (!status.ok()) return status;
    auto atomic = AtomicFolder::Create(folder);
    if (!atomic.ok()) return atomic.status();
    status = WriteFiles(atomic->path(), checkpoint, tokenizer_folder, extra_files);
    return status.ok() ? atomic->Commit() : status;
  });
}

}  // namespace fintag
