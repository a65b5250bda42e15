// SHA-256 of uploads, corpora and weights (FIPS 180-4).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace fintag {

// Takes bytes as they come.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(std::string_view bytes);
  // 64 lower-case hexadecimal digits. Call it once, last.
  std::string FinishHex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string Sha256Hex(std::string_view bytes);

// NOT_FOUND or UNKNOWN with the path where the file cannot be read.
absl::StatusOr<std::string> Sha256HexOfFile(const std::filesystem::path& file);

// Of a checkpoint's weights as ReadCheckpoint picks them: model.safetensors, else the shards that its index names, one
// behind the other in the order of their names, else pytorch_model.bin.
absl::StatusOr<std::string> Sha256HexOfWeights(const std::filesystem::path& folder);

}  // namespace fintag
