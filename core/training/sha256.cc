#include "core/training/sha256.h"

#include <openssl/evp.h>

#include <cerrno>
#include <cstdio>
#include <new>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/training/file_io.h"

namespace fintag {
namespace {

// Libcrypto fails here for want of memory alone.
void Require(int ok) {
  if (ok != 1) throw std::bad_alloc();
}

absl::Status UpdateFromFile(const std::filesystem::path& file, Sha256& hash) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::fopen(file.c_str(), "rb"), &std::fclose);
  if (stream == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", file.string()));
  std::vector<char> buffer(1 << 20);
  while (size_t size = std::fread(buffer.data(), 1, buffer.size(), stream.get())) hash.Update({buffer.data(), size});
  if (std::ferror(stream.get())) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", file.string()));
  return absl::OkStatus();
}

}  // namespace

struct Sha256::State {
  State() : context(EVP_MD_CTX_new()) {
    Require(context != nullptr && EVP_DigestInit_ex(context, EVP_sha256(), nullptr));
  }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  EVP_MD_CTX* context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(std::string_view bytes) { Require(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size())); }

std::string Sha256::FinishHex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  Require(EVP_DigestFinal_ex(state_->context, digest, &size));
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) absl::StrAppend(&hex, absl::Hex(digest[i], absl::kZeroPad2));
  return hex;
}

std::string Sha256Hex(std::string_view bytes) {
  Sha256 hash;
  hash.Update(bytes);
  return hash.FinishHex();
}

absl::StatusOr<std::string> Sha256HexOfFile(const std::filesystem::path& file) {
  Sha256 hash;
  if (absl::Status read = UpdateFromFile(file, hash); !read.ok()) return read;
  return hash.FinishHex();
}

absl::StatusOr<std::string> Sha256HexOfWeights(const std::filesystem::path& folder) {
  std::error_code ignored;
  if (std::filesystem::exists(folder / "model.safetensors", ignored)) {
    return Sha256HexOfFile(folder / "model.safetensors");
  }
  const std::filesystem::path index_file = folder / "model.safetensors.index.json";
  if (!std::filesystem::exists(index_file, ignored)) return Sha256HexOfFile(folder / "pytorch_model.bin");
  absl::StatusOr<std::string> index_bytes = ReadFile(index_file);
  if (!index_bytes.ok()) return index_bytes.status();
  const nlohmann::json index = nlohmann::json::parse(*index_bytes, nullptr, false);
  const auto weight_map = index.is_object() ? index.find("weight_map") : index.end();
  if (weight_map == index.end() || !weight_map->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(index_file.string(), ": no object weight_map"));
  }
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : weight_map->items()) {
    // A shard's name never leaves the folder.
    if (!shard.is_string() || shard.get_ref<const std::string&>().find('/') != std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat(index_file.string(), ": weight_map of ", tensor, " names no file"));
    }
    shards.insert(shard.get<std::string>());
  }
  Sha256 hash;
  for (const std::string& shard : shards) {
    if (absl::Status read = UpdateFromFile(folder / shard, hash); !read.ok()) return read;
  }
  return hash.FinishHex();
}

}  // namespace fintag
