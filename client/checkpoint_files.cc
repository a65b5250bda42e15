#include "client/checkpoint_files.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "client/file_transfer.h"

namespace fintag::client {
namespace {

constexpr std::array kPlainNames = {
    "config.json",       "vocab.txt",   "tokenizer.json",    "tokenizer_config.json",       "special_tokens_map.json",
    "added_tokens.json", "fintag.json", "model.safetensors", "model.safetensors.index.json"};
constexpr char kPickledWeights[] = "pytorch_model.bin";

bool IsSafetensors(const std::string& name) {
  constexpr char kEnding[] = ".safetensors";
  return name == "model.safetensors" ||
         (name.rfind("model-", 0) == 0 && name.size() > sizeof(kEnding) &&
          name.compare(name.size() - sizeof(kEnding) + 1, std::string::npos, kEnding) == 0);
}

}  // namespace

absl::StatusOr<CheckpointFiles> FindCheckpointFiles(const std::string& folder) {
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  if (error) return FileError(folder, error.value());
  std::set<std::string> names;
  CheckpointFiles files;
  for (const std::filesystem::directory_entry& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file(error)) {
      names.insert(name);
    } else {
      files.left_out.push_back(name + (entry.is_directory(error) ? "/" : ""));
    }
  }
  const bool has_safetensors = std::any_of(names.begin(), names.end(), IsSafetensors);
  for (const std::string& name : names) {
    const bool plain = std::find(kPlainNames.begin(), kPlainNames.end(), name) != kPlainNames.end();
    const bool pickled = name == kPickledWeights && !has_safetensors;
    (plain || pickled || IsSafetensors(name) ? files.sent : files.left_out).push_back(name);
  }
  std::sort(files.left_out.begin(), files.left_out.end());
  if (names.count("config.json") == 0) {
    return absl::FailedPreconditionError(folder + " has no config.json: give the folder of a Hugging Face checkpoint");
  }
  if (!has_safetensors && names.count(kPickledWeights) == 0) {
    return absl::FailedPreconditionError(folder + " has no weights: neither model.safetensors nor pytorch_model.bin");
  }
  return files;
}

}  // namespace fintag::client
