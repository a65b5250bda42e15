#include "core/training/sha256.h"

#include <gtest/gtest.h>

#include "tests/core/model/temporary_folder.h"

namespace fintag {
namespace {

// Examples of FIPS 180-4.
TEST(Sha256, EqualsTheStandard) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, TakesBytesInAnyPieces) {
  const std::string text(3001, 'x');
  for (const size_t piece : {1, 63, 64, 65, 3001}) {
    Sha256 hash;
    for (size_t i = 0; i < text.size(); i += piece) hash.Update(std::string_view(text).substr(i, piece));
    EXPECT_EQ(hash.FinishHex(), Sha256Hex(text));
  }
}

TEST(Sha256, HashesFilesAndNamesMissingOnes) {
  const TemporaryFolder folder;
  WriteFile(folder.path() / "a", "abc");
  EXPECT_EQ(*Sha256HexOfFile(folder.path() / "a"), Sha256Hex("abc"));
  const absl::Status missing = Sha256HexOfFile(folder.path() / "b").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(missing.message()).find("/b"), std::string::npos);
}

TEST(Sha256, HashesTheWeightsThatAreRead) {
  const TemporaryFolder folder;
  EXPECT_EQ(Sha256HexOfWeights(folder.path()).status().code(), absl::StatusCode::kNotFound);
  WriteFile(folder.path() / "pytorch_model.bin", "bin");
  EXPECT_EQ(*Sha256HexOfWeights(folder.path()), Sha256Hex("bin"));
  WriteFile(folder.path() / "model.safetensors.index.json",
            R"({"weight_map":{"x":"b.safetensors","y":"a.safetensors","z":"a.safetensors"}})");
  WriteFile(folder.path() / "a.safetensors", "first");
  WriteFile(folder.path() / "b.safetensors", "second");
  EXPECT_EQ(*Sha256HexOfWeights(folder.path()), Sha256Hex("firstsecond"));
  WriteFile(folder.path() / "model.safetensors", "one");
  EXPECT_EQ(*Sha256HexOfWeights(folder.path()), Sha256Hex("one"));
}

TEST(Sha256, RefusesAnIndexThatLeavesTheFolder) {
  const TemporaryFolder folder;
  for (const char* index : {"{", "[]", "{}", R"({"weight_map":{"x":"../a"}})", R"({"weight_map":{"x":3}})"}) {
    WriteFile(folder.path() / "model.safetensors.index.json", index);
    EXPECT_EQ(Sha256HexOfWeights(folder.path()).status().code(), absl::StatusCode::kInvalidArgument) << index;
  }
}

}  // namespace
}  // namespace fintag
