#include "server/serving/checked_load.h"

#include "core/text/strings.h"
#include "core/training/sha256.h"

namespace fintag::server {

absl::StatusOr<std::unique_ptr<Tagger>> CheckedLoad(const ModelVersion& version, const std::filesystem::path& folder,
                                                    const TaggerOptions& options) {
  const auto damaged = [&](std::string_view why) {
    return absl::DataLossError(StrCat("the files of ", version.name(), " are damaged (", why,
                                      "): import or train it again and delete this version, or restore a backup"));
  };
  absl::StatusOr<std::string> sha256 = Sha256HexOfWeights(folder);
  if (absl::IsNotFound(sha256.status())) return damaged("its weights are gone");
  if (!sha256.ok()) return damaged("its weights cannot be read");
  if (*sha256 != version.weights_sha256) return damaged("its weights have another SHA-256 than when they were stored");
  return Tagger::Load(folder, options);
}

}  // namespace fintag::server
