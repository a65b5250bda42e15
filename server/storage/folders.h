// Folders that are there whole or not at all: filled in an incoming place, synced, renamed.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fintag::server {

// Where a registry's folders are filled and taken apart. No id starts with a dot.
std::filesystem::path IncomingFolder(const std::filesystem::path& root);

// Makes `root` and an empty incoming folder in it: what an interrupted program left there is removed.
absl::Status PrepareRoot(const std::filesystem::path& root);

// An empty folder of a new name in the incoming folder of `root`.
absl::StatusOr<std::filesystem::path> MakeIncoming(const std::filesystem::path& root);

// Syncs a folder's own entries: new, renamed and removed names.
absl::Status SyncFolder(const std::filesystem::path& folder);

// Syncs every file and folder of `folder`, and itself.
absl::Status SyncTree(const std::filesystem::path& folder);

// Syncs the files in `from`, renames it to `to` and syncs the folders that name it. ALREADY_EXISTS where `to` is there
// with anything in it. After an error `from` is still there.
absl::Status MoveIntoPlace(const std::filesystem::path& from, const std::filesystem::path& to);

// Takes `folder` (in `root`, at any depth) away at once and then removes it; readers keep what they have open. Missing
// is fine.
absl::Status RemoveFolder(const std::filesystem::path& root, const std::filesystem::path& folder);

// Removes everything directly in `folder` whose name is not in `keep` and does not start with a dot.
absl::Status RemoveAllBut(const std::filesystem::path& root, const std::filesystem::path& folder,
                          const std::set<std::string>& keep);

}  // namespace fintag::server
