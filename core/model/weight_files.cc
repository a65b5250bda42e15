#include "core/model/weight_files.h"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/model/printable.h"
#include "core/model/safetensors.h"
#include "core/model/strict_json.h"
#include "core/model/torch_archive.h"
#include "core/text/strings.h"

namespace fintag {
namespace {

constexpr std::string_view kSafetensors = "model.safetensors";
constexpr std::string_view kSafetensorsIndex = "model.safetensors.index.json";
constexpr std::string_view kTorchArchive = "pytorch_model.bin";

using Parser = std::function<absl::StatusOr<std::vector<StoredTensor>>(absl::Span<const uint8_t>)>;

absl::Status InFile(const std::filesystem::path& path, const absl::Status& status) {
  return absl::Status(status.code(), StrCat(path.string(), ": ", status.message()));
}

// Keeps a file and its tensors.
absl::Status AddFile(const std::filesystem::path& path, const Parser& parse, WeightAccess access,
                     WeightFiles& weights) {
  auto file = access == WeightAccess::kMap ? MappedFile::Open(path) : MappedFile::Read(path);
  if (!file.ok()) return file.status();
  auto tensors = parse((*file)->bytes());
  if (!tensors.ok()) return InFile(path, tensors.status());
  weights.files.push_back(*std::move(file));
  for (StoredTensor& tensor : *tensors) weights.tensors.push_back(std::move(tensor));
  return absl::OkStatus();
}

// {"weight_map": {tensor: file}} as tensors by file. A file's name must be a plain one, so that nothing outside the
// folder is opened.
absl::StatusOr<std::map<std::string, std::set<std::string>>> ParseIndex(std::string_view text) {
  const auto index = ParseJsonObject(text);
  if (!index.ok()) return index.status();
  const auto map = index->find("weight_map");
  if (map == index->end() || !map->is_object()) return absl::InvalidArgumentError("weight_map is missing");
  std::map<std::string, std::set<std::string>> shards;
  for (const auto& [tensor, file] : map->items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    if (name.empty() || name.front() == '.' || name.find_first_of(std::string_view("/\\\0", 3)) != name.npos) {
      return absl::InvalidArgumentError(StrCat("weight_map gives tensor ", Printable(tensor), " no plain file name"));
    }
    shards[name].insert(tensor);
  }
  return shards;
}

absl::StatusOr<WeightFiles> OpenShards(const std::filesystem::path& folder, WeightAccess access) {
  const std::filesystem::path index_path = folder / kSafetensorsIndex;
  const auto index = MappedFile::Open(index_path);
  if (!index.ok()) return index.status();
  constexpr size_t kLargestIndex = 16 << 20;
  if ((*index)->bytes().size() > kLargestIndex) {
    return InFile(index_path, absl::InvalidArgumentError("larger than 16 MB"));
  }
  const auto shards = ParseIndex((*index)->text());
  if (!shards.ok()) return InFile(index_path, shards.status());
  WeightFiles weights;
  for (const auto& [file, names] : *shards) {
    const size_t first = weights.tensors.size();
    if (const auto status = AddFile(folder / file, ParseSafetensors, access, weights); !status.ok()) return status;
    std::set<std::string> found;
    for (size_t i = first; i < weights.tensors.size(); ++i) found.insert(weights.tensors[i].name);
    if (found != names) {
      return InFile(index_path, absl::InvalidArgumentError(
                                    StrCat("weight_map and the tensors of ", Printable(file), " do not agree")));
    }
  }
  return weights;
}

}  // namespace

uint64_t WeightFiles::bytes() const {
  uint64_t sum = 0;
  for (const auto& file : files) sum += file->bytes().size();
  return sum;
}

absl::StatusOr<WeightFiles> OpenWeights(const std::filesystem::path& folder, WeightAccess access) {
  std::error_code error;
  const auto has = [&](std::string_view name) { return std::filesystem::exists(folder / name, error); };
  WeightFiles weights;
  absl::Status status;
  if (has(kSafetensors)) {
    status = AddFile(folder / kSafetensors, ParseSafetensors, access, weights);
  } else if (has(kSafetensorsIndex)) {
    return OpenShards(folder, access);
  } else if (has(kTorchArchive)) {
    status = AddFile(folder / kTorchArchive, ParseTorchArchive, access, weights);
  } else {
    status = absl::NotFoundError(
        StrCat(folder.string(), " holds none of ", kSafetensors, ", ", kSafetensorsIndex, " and ", kTorchArchive));
  }
  if (!status.ok()) return status;
  return weights;
}

}  // namespace fintag
