// gRPC C++ with its callback API on both sides: GetProduct of the same .proto, answered from memory.
//
//   grpc_bench serve HOST:PORT
//   grpc_bench load HOST:PORT IN_FLIGHT SECONDS
#include <grpcpp/grpcpp.h>

#include <cstring>
#include <memory>
#include <vector>

#include "../load.h"
#include "store/v1/inventory.grpc.pb.h"

namespace {

using store::v1::GetProductRequest;
using store::v1::InventoryService;
using store::v1::Product;

class Inventory final : public InventoryService::CallbackService {
  grpc::ServerUnaryReactor *GetProduct(grpc::CallbackServerContext *context, const GetProductRequest *request,
                                       Product *product) override {
    grpc::ServerUnaryReactor *reactor = context->DefaultReactor();
    product->set_product_id(request->product_id());
    product->set_name("Laptop");
    product->set_total_stock(50);
    product->set_available(50);
    product->set_price(999.99);
    product->set_received(50);
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

int Serve(const char *address) {
  Inventory inventory;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  builder.RegisterService(&inventory);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server) return 1;
  server->Wait();
  return 0;
}

struct Caller {
  InventoryService::Stub *stub;
  load *measured;
  std::unique_ptr<grpc::ClientContext> context;
  GetProductRequest request;
  Product product;

  void Call() {
    context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    request.set_product_id("LAPTOP-001");
    int64_t started_ns = load_now_ns();
    stub->async()->GetProduct(context.get(), &request, &product, [this, started_ns](const grpc::Status &status) {
      if (load_record(measured, started_ns, status.ok())) Call();
    });
  }
};

[[noreturn]] void RunLoad(const char *address, int in_flight, double seconds) {
  auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(5))) std::_Exit(1);
  auto stub = InventoryService::NewStub(channel);
  auto measured = std::make_unique<load>();
  std::vector<Caller> callers(static_cast<size_t>(in_flight));
  load_start(measured.get(), in_flight, seconds);
  for (Caller &caller : callers) {
    caller.stub = stub.get();
    caller.measured = measured.get();
    caller.Call();
  }
  load_wait(measured.get());
  load_print(measured.get(), "");
  std::fflush(stdout);
  std::_Exit(0);  // the last callbacks may still be returning
}

}  // namespace

int main(int argc, char **argv) {
  if (argc == 3 && std::strcmp(argv[1], "serve") == 0) return Serve(argv[2]);
  if (argc == 5 && std::strcmp(argv[1], "load") == 0) {
    RunLoad(argv[2], static_cast<int>(load_argument(argv[3])), load_argument(argv[4]));
  }
  std::fprintf(stderr, "usage: grpc_bench serve HOST:PORT | load HOST:PORT IN_FLIGHT SECONDS\n");
  return 2;
}
