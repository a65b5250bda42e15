#include "client/file_transfer.h"

#include <gtest/gtest.h>

#include "client/checkpoint_files.h"
#include "tests/client/test_folder.h"

namespace fintag::client {
namespace {

fintag::v1::FileDescription Described(const std::string& name, const std::string& content) {
  fintag::v1::FileDescription description;
  description.set_file_name(name);
  description.set_size_bytes(static_cast<int64_t>(content.size()));
  Sha256 sha256;
  sha256.Update(content);
  description.set_sha256(sha256.Finish());
  return description;
}

TEST(Sha256, IsTheStandards) {
  Sha256 sha256;
  sha256.Update("a");
  sha256.Update("bc");
  EXPECT_EQ(sha256.Finish(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(DescribeFile, TellsNameSizeAndSum) {
  const TestFolder folder;
  absl::StatusOr<fintag::v1::FileDescription> description = DescribeFile(folder.Write("train.conll", "abc"));
  ASSERT_TRUE(description.ok());
  EXPECT_EQ(description->file_name(), "train.conll");
  EXPECT_EQ(description->size_bytes(), 3);
  EXPECT_EQ(description->sha256(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(DescribeFile, NamesThePathThatIsWrong) {
  const TestFolder folder;
  const absl::Status missing = DescribeFile(folder.Path("none")).status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_NE(std::string(missing.message()).find("/none: No such file"), std::string::npos) << missing;
  EXPECT_TRUE(absl::IsInvalidArgument(DescribeFile(folder.Path("")).status()));
}

TEST(SendFile, GivesTheFileInChunks) {
  const TestFolder folder;
  const std::string content(600'000, 'x');
  const std::string path = folder.Write("big", content);
  int64_t last = 0;
  TransferMeter meter([&](int64_t done, int64_t) { last = done; }, 600'000);
  std::string sent;
  const auto done = SendFile(path, *DescribeFile(path), meter, [&](const std::string& chunk) {
    EXPECT_LE(chunk.size(), 256u << 10);
    sent += chunk;
    return true;
  });
  EXPECT_TRUE(done.ok() && *done);
  EXPECT_EQ(sent, content);
  EXPECT_EQ(last, 600'000);
}

TEST(SendFile, NoticesThatTheFileShrank) {
  const TestFolder folder;
  const std::string path = folder.Write("big", "abcdef");
  const auto description = *DescribeFile(path);
  folder.Write("big", "abc");
  TransferMeter meter(nullptr, 6);
  EXPECT_TRUE(
      absl::IsFailedPrecondition(SendFile(path, description, meter, [](const std::string&) { return true; }).status()));
}

TEST(FileReceiver, CutsTheChunksIntoFiles) {
  const TestFolder folder;
  const auto receiver = FileReceiver::Create(
      folder.Path(""), {Described("empty", ""), Described("a", "abc"), Described("none", ""), Described("b", "defg")});
  ASSERT_TRUE(receiver.ok());
  EXPECT_TRUE((*receiver)->Write("ab").ok());
  EXPECT_TRUE(absl::IsDataLoss((*receiver)->Finish()));
  EXPECT_TRUE((*receiver)->Write("cdef").ok());
  EXPECT_TRUE((*receiver)->Write("g").ok());
  EXPECT_TRUE((*receiver)->Finish().ok());
  EXPECT_EQ(folder.Read("a"), "abc");
  EXPECT_EQ(folder.Read("b"), "defg");
  EXPECT_TRUE(std::filesystem::exists(folder.Path("empty")) && std::filesystem::exists(folder.Path("none")));
  EXPECT_TRUE(absl::IsDataLoss((*receiver)->Write("h")));
}

TEST(FileReceiver, ChecksEverySum) {
  const TestFolder folder;
  const auto receiver = FileReceiver::Create(folder.Path(""), {Described("a", "abc")});
  EXPECT_TRUE(absl::IsDataLoss((*receiver)->Write("abd")));
}

TEST(FileReceiver, RefusesNamesThatLeaveTheFolder) {
  const TestFolder folder;
  for (const std::string& name : {std::string("../a"), std::string("/a"), std::string("a/b"), std::string(""),
                                  std::string(".."), std::string("a\\b"), std::string("a\0b", 3)}) {
    EXPECT_TRUE(absl::IsInvalidArgument(FileReceiver::Create(folder.Path(""), {Described(name, "x")}).status()))
        << name;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(
      FileReceiver::Create(folder.Path(""), {Described("a", "x"), Described("a", "y")}).status()));
}

TEST(FindCheckpointFiles, TakesWhatMattersAndTellsTheRest) {
  const TestFolder folder;
  for (const char* name : {"config.json", "vocab.txt", "model.safetensors", "pytorch_model.bin", "README.md",
                           "model-00001-of-00002.safetensors", "optimizer.pt", "onnx.safetensors"}) {
    folder.Write(name, "x");
  }
  std::filesystem::create_directory(folder.Path("onnx"));
  const auto files = FindCheckpointFiles(folder.Path(""));
  ASSERT_TRUE(files.ok());
  EXPECT_EQ(files->sent, (std::vector<std::string>{"config.json", "model-00001-of-00002.safetensors",
                                                   "model.safetensors", "vocab.txt"}));
  EXPECT_EQ(files->left_out,
            (std::vector<std::string>{"README.md", "onnx.safetensors", "onnx/", "optimizer.pt", "pytorch_model.bin"}));
}

TEST(FindCheckpointFiles, TakesPickledWeightsWhereThereAreNoOthers) {
  const TestFolder folder;
  folder.Write("config.json", "x");
  EXPECT_TRUE(absl::IsFailedPrecondition(FindCheckpointFiles(folder.Path("")).status()));
  folder.Write("pytorch_model.bin", "x");
  EXPECT_EQ(FindCheckpointFiles(folder.Path(""))->sent, (std::vector<std::string>{"config.json", "pytorch_model.bin"}));
  EXPECT_TRUE(absl::IsNotFound(FindCheckpointFiles(folder.Path("none")).status()));
}

}  // namespace
}  // namespace fintag::client
