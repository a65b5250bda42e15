// The models of another server, read from its data folder and never written to (REPLICAS.md).
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/models/model_registry.h"

namespace fintag::server {

class FollowedModels : public ModelRegistry {
 public:
  // `folder` is the other's DATA/models, which must be there. What changes the models is FAILED_PRECONDITION, with
  // `refusal` as its message.
  static absl::StatusOr<std::unique_ptr<FollowedModels>> Open(const std::filesystem::path& folder,
                                                              const std::string& refusal);

  // Looks at the folder every `interval` from now on, in a thread of its own. `on_gone` is told of each version that is
  // no longer there ("models/x/versions/1"), or is another under the same name; `on_trouble` when the folder cannot be
  // read, so that what was seen last stays, and, with OK, when it can be read again.
  virtual void Follow(absl::Duration interval, std::function<void(const ModelVersion&)> on_gone,
                      std::function<void(const absl::Status&)> on_trouble) = 0;
  // The observers are not called after it.
  virtual void StopFollowing() = 0;
};

}  // namespace fintag::server
