#include "server/api/status_conversion.h"

#include <fintag/v1/dataset.grpc.pb.h>
#include <gmock/gmock.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <gtest/gtest.h>

#include <memory>

#include "core/text/utf8.h"

namespace fintag::server {
namespace {

using ::testing::HasSubstr;

constexpr char kMethod[] = "fintag.v1.DatasetService/GetDataset";

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

// The one detail of this type, if it is there.
template <typename Detail>
std::optional<Detail> Find(const google::rpc::Status& details) {
  std::optional<Detail> found;
  for (const google::protobuf::Any& any : details.details()) {
    Detail detail;
    if (!any.Is<Detail>()) continue;
    EXPECT_FALSE(found.has_value());
    EXPECT_TRUE(any.UnpackTo(&detail));
    found = detail;
  }
  return found;
}

std::vector<FieldError> ManyErrors(int count, const std::string& reason) {
  std::vector<FieldError> errors;
  for (int i = 1; i <= count; ++i) errors.push_back({"train:" + std::to_string(i), reason});
  return errors;
}

TEST(StatusConversion, OkStaysOk) { EXPECT_TRUE(ToGrpcStatus(absl::OkStatus(), kMethod).ok()); }

TEST(StatusConversion, EveryErrorHasItsCodeMessageAndErrorInfo) {
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status = ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "why"), kMethod);
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
    EXPECT_EQ(status.error_message(), "why");
    const google::rpc::Status details = DetailsOf(status);
    EXPECT_EQ(details.code(), code);
    EXPECT_EQ(details.message(), "why");
    const auto info = Find<google::rpc::ErrorInfo>(details);
    ASSERT_TRUE(info.has_value());
    EXPECT_EQ(info->domain(), "fintag");
    EXPECT_EQ(info->reason(), absl::StatusCodeToString(static_cast<absl::StatusCode>(code)));
    EXPECT_EQ(info->metadata().at("method"), kMethod);
  }
}

TEST(StatusConversion, RetryInfoComesWhereTryingAgainHelps) {
  for (int code = 1; code <= 16; ++code) {
    const auto absl_code = static_cast<absl::StatusCode>(code);
    const auto retry = Find<google::rpc::RetryInfo>(DetailsOf(ToGrpcStatus(absl::Status(absl_code, "x"), kMethod)));
    const bool helps = absl_code == absl::StatusCode::kUnavailable || absl_code == absl::StatusCode::kResourceExhausted;
    ASSERT_EQ(retry.has_value(), helps) << absl_code;
    EXPECT_TRUE(!helps || retry->retry_delay().nanos() > 0);
  }
}

TEST(StatusConversion, BadRequestCarriesEveryField) {
  const absl::Status status = BadRequest({{"spec.options.epochs", "must be 1 to 1,000"}, {"spec.model", "is missing"}});
  EXPECT_EQ(status.message(), "spec.options.epochs: must be 1 to 1,000\nspec.model: is missing");
  const auto request = Find<google::rpc::BadRequest>(DetailsOf(ToGrpcStatus(status, kMethod)));
  ASSERT_TRUE(request.has_value());
  ASSERT_EQ(request->field_violations_size(), 2);
  EXPECT_EQ(request->field_violations(1).field(), "spec.model");
  EXPECT_EQ(request->field_violations(1).description(), "is missing");
}

TEST(StatusConversion, ErrorsFromBelowGetTheirField) {
  for (const absl::Status& status : {absl::InvalidArgumentError("is odd"), absl::OutOfRangeError("is odd")}) {
    const absl::Status about = AboutField(status, "page_token");
    EXPECT_EQ(about.code(), status.code());
    EXPECT_EQ(about.message(), "page_token: is odd");
    const auto request = Find<google::rpc::BadRequest>(DetailsOf(ToGrpcStatus(about, kMethod)));
    ASSERT_TRUE(request.has_value());
    EXPECT_EQ(request->field_violations(0).field(), "page_token");
  }
  EXPECT_EQ(AboutField(absl::NotFoundError("gone"), "name"), absl::NotFoundError("gone"));
  EXPECT_TRUE(AboutField(absl::OkStatus(), "name").ok());
}

TEST(StatusConversion, ManyErrorsAreCutAndCounted) {
  const absl::Status status = BadRequest(ManyErrors(100, std::string(90, 'x')));
  const auto request = Find<google::rpc::BadRequest>(DetailsOf(ToGrpcStatus(status, kMethod)));
  ASSERT_TRUE(request.has_value());
  EXPECT_GT(request->field_violations_size(), 10);
  EXPECT_LT(request->field_violations_size(), 100);
  EXPECT_LE(request->ByteSizeLong(), kStockDetailsBytes);
  EXPECT_THAT(ToGrpcStatus(status, kMethod).error_message(), ::testing::ContainsRegex("\nand [0-9][0-9] more$"));

  const absl::Status all = BadRequest(ManyErrors(100, std::string(90, 'x')), 256 * 1024);
  EXPECT_EQ(Find<google::rpc::BadRequest>(DetailsOf(ToGrpcStatus(all, kMethod)))->field_violations_size(), 100);
  const absl::Status most = BadRequest(ManyErrors(130, "x"), 256 * 1024, 100);
  EXPECT_EQ(Find<google::rpc::BadRequest>(DetailsOf(ToGrpcStatus(most, kMethod)))->field_violations_size(), 100);
  EXPECT_THAT(std::string(most.message()), HasSubstr("\ntrain:11: x\n"));
}

TEST(StatusConversion, MessagesAreValidUtf8AndTheSameTwice) {
  for (const std::string& message :
       {std::string("bad \xff byte"), std::string(5000, 'x') + "end", std::string("50 %")}) {
    const grpc::Status status = ToGrpcStatus(absl::NotFoundError(message), kMethod);
    EXPECT_TRUE(ValidateUtf8(status.error_message()).ok());
    EXPECT_LT(status.error_message().size(), 1300U);
    EXPECT_EQ(DetailsOf(status).message(), status.error_message());
  }
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "\xe8\xb2\xa1";  // three bytes each, nine as they travel
  const std::string cut = ToGrpcStatus(absl::NotFoundError("x" + text), kMethod).error_message();
  EXPECT_TRUE(ValidateUtf8(cut).ok());
  EXPECT_LT(cut.size(), 450U);
  const auto request = Find<google::rpc::BadRequest>(DetailsOf(ToGrpcStatus(BadField("name", "is \xc3"), kMethod)));
  EXPECT_EQ(request->field_violations(0).description(), "is ?");
}

// Gives every call the status of the test.
class FailingService final : public fintag::v1::DatasetService::Service {
 public:
  grpc::Status GetDataset(grpc::ServerContext*, const fintag::v1::GetDatasetRequest*, fintag::v1::Dataset*) override {
    return status;
  }
  grpc::Status status;
};

TEST(StatusConversion, StockClientReceivesTheLargestError) {
  FailingService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("localhost:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  const auto call = [&](const grpc::ChannelArguments& arguments) {
    const auto stub = fintag::v1::DatasetService::NewStub(
        grpc::CreateCustomChannel("localhost:" + std::to_string(port), grpc::InsecureChannelCredentials(), arguments));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    fintag::v1::Dataset response;
    return stub->GetDataset(&context, {}, &response);
  };
  std::string chinese;
  for (int i = 0; i < 40; ++i) chinese += "\xe8\xb2\xa1";
  for (const std::string& reason : {std::string(90, 'x'), chinese, std::string(5000, '%'), std::string("tag")}) {
    service.status = ToGrpcStatus(BadRequest(ManyErrors(100, reason)), kMethod);
    const grpc::Status received = call({});
    EXPECT_EQ(received.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << received.error_message();
    EXPECT_EQ(received.error_message(), service.status.error_message());
    EXPECT_TRUE(Find<google::rpc::BadRequest>(DetailsOf(received)).has_value());
  }
  // A client that asked for all of them has made room.
  service.status = ToGrpcStatus(BadRequest(ManyErrors(100, std::string(800, 'x')), 256 * 1024), kMethod);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, 1 << 20);
  const grpc::Status received = call(arguments);
  EXPECT_EQ(received.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << received.error_message();
  EXPECT_EQ(Find<google::rpc::BadRequest>(DetailsOf(received))->field_violations_size(), 100);
}

}  // namespace
}  // namespace fintag::server
