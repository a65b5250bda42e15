#include "core/model/torch_status.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "absl/status/statusor.h"

namespace fintag {
namespace {

TEST(CatchTorch, PassesResultsOn) {
  EXPECT_TRUE(CatchTorch([] { return absl::OkStatus(); }).ok());
  EXPECT_EQ(CatchTorch([]() -> absl::StatusOr<int> { return 3; }).value(), 3);
}

TEST(CatchTorch, TurnsLibTorchErrorsIntoStatus) {
  const absl::Status status = CatchTorch([] {
    at::mm(at::ones({2, 3}), at::ones({2, 3}));
    return absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_NE(status.message().find("2x3"), std::string::npos) << status;
}

TEST(CatchTorch, TellsMemoryApart) {
  const auto code = [](auto body) { return CatchTorch(body).code(); };
  EXPECT_EQ(code([] {
              at::empty({int64_t{1} << 50});
              return absl::OkStatus();
            }),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(code([]() -> absl::Status { throw std::bad_alloc(); }), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(code([]() -> absl::Status { throw std::runtime_error("x"); }), absl::StatusCode::kInternal);
  EXPECT_EQ(code([]() -> absl::Status { throw 5; }), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace fintag
