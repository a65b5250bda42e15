// The requests of a run, made and serialised before it, so that sending one costs no more than handing over its bytes.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "client/bench/options.h"

namespace fintag::bench {

struct PreparedRequest {
  grpc::ByteBuffer message;
  int64_t text_bytes = 0;  // of its texts alone
};

class RequestSet {
 public:
  // Shuffles `texts` (which must not be empty) by the seed and gives each request options.texts of them, in turn. Every
  // text is in some request; the last one is filled up from the start.
  RequestSet(const Options& options, std::vector<std::string> texts);

  // "/fintag.v1.TaggingService/Tag"
  const std::string& method() const { return method_; }
  size_t size() const { return requests_.size(); }

  // In turn, over and over. From any thread.
  const PreparedRequest& Next() { return requests_[next_.fetch_add(1, std::memory_order_relaxed) % requests_.size()]; }

 private:
  std::string method_;
  std::vector<PreparedRequest> requests_;
  std::atomic<uint64_t> next_ = 0;
};

}  // namespace fintag::bench
