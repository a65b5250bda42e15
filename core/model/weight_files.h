// The weights of a checkpoint folder, in whichever form it has them.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/mapped_file.h"
#include "core/model/stored_tensor.h"

namespace fintag {

// Mapped weights cost no memory until they are touched; read ones outlive a failing disk (mapped_file.h).
enum class WeightAccess { kMap, kRead };

struct WeightFiles {
  std::vector<std::shared_ptr<const MappedFile>> files;  // keep the tensors' bytes alive
  std::vector<StoredTensor> tensors;                     // each name once

  uint64_t bytes() const;  // of all files
};

// model.safetensors, else model.safetensors.index.json with its shards, else pytorch_model.bin. NOT_FOUND where there
// is none or a shard is missing; INVALID_ARGUMENT names the file that is damaged.
absl::StatusOr<WeightFiles> OpenWeights(const std::filesystem::path& folder, WeightAccess access = WeightAccess::kMap);

}  // namespace fintag
