#include <fintag/v1/dataset.grpc.pb.h>
#include <gtest/gtest.h>

#include "client/client.h"
#include "tests/client/fake_server.h"
#include "tests/client/test_folder.h"

namespace fintag::client {
namespace {

class FakeDatasets final : public fintag::v1::DatasetService::Service {
 public:
  grpc::Status UploadDataset(grpc::ServerContext*, grpc::ServerReader<fintag::v1::UploadDatasetRequest>* reader,
                             fintag::v1::Dataset* response) override {
    fintag::v1::UploadDatasetRequest message;
    reader->Read(&message);
    start = message.start();
    if (start.dataset_id() == "bad") {
      return Detailed(grpc::StatusCode::INVALID_ARGUMENT, "bad lines", {{"train:12", "has no tag"}});
    }
    content.clear();
    while (reader->Read(&message)) content += message.chunk().data();
    if (++uploads == 1) return Detailed(grpc::StatusCode::UNAVAILABLE, "starting");
    response->set_name("datasets/" + start.dataset_id());
    return grpc::Status::OK;
  }

  fintag::v1::UploadDatasetStart start;
  std::string content;
  int uploads = 0;
};

TEST(UploadDataset, SendsBothFilesAndTriesAgain) {
  FakeDatasets datasets;
  const FakeServer server({&datasets});
  const TestFolder folder;
  const std::string train(700'000, 't');
  const auto dataset = server.MakeClient().UploadDataset(
      "datasets/fin", {folder.Write("train.conll", train), folder.Write("dev.conll", "vv")});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->name(), "datasets/fin");
  EXPECT_EQ(datasets.start.train().size_bytes(), 700'000);
  EXPECT_EQ(datasets.start.validation().file_name(), "dev.conll");
  EXPECT_EQ(datasets.content, train + "vv");
  EXPECT_EQ(datasets.uploads, 2);
}

TEST(UploadDataset, GivesTheServersReasonEvenInTheMiddle) {
  FakeDatasets datasets;
  const FakeServer server({&datasets});
  const TestFolder folder;
  const absl::Status status =
      server.MakeClient()
          .UploadDataset("bad", {folder.Write("train.conll", std::string(20'000'000, 't')), std::nullopt})
          .status();
  ASSERT_EQ(FieldViolations(status).size(), 1u) << status;
  EXPECT_EQ(FieldViolations(status)[0].field, "train:12");
}

}  // namespace
}  // namespace fintag::client
