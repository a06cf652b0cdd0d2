// A client of the order service in Java: a plain TCP socket that speaks NNG's framing, and messages by protoc. Only
// protobuf-java is needed. One call at a time; a program with more keeps a connection for each, or tells responses apart
// by their request ids.
//
// usage: java StoreClient HOST:PORT [TIMEOUT_MS]
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import rpc.v1.Envelope.Request;
import rpc.v1.Envelope.Response;
import rpc.v1.Status.Code;
import rpc.v1.Status.ErrorDetail;
import store.v1.OrderOuterClass.CreateOrderRequest;
import store.v1.OrderOuterClass.CreateOrderResponse;
import store.v1.OrderOuterClass.GetOrderRequest;
import store.v1.OrderOuterClass.Order;
import store.v1.OrderOuterClass.OrderItem;

public final class StoreClient implements Closeable {
  /** A call's status other than OK: its code, and the reason that a program may act on. */
  static final class RpcError extends Exception {
    final Code code;
    final String reason;
    final Map<String, String> facts;

    RpcError(Code code, String message, ErrorDetail detail) {
      super(code + " " + detail.getReason() + ": " + message);
      this.code = code;
      this.reason = detail.getReason();
      this.facts = detail.getMetadataMap();
    }
  }

  private static final byte[] HELLO = {0, 'S', 'P', 0, 0, 0x30, 0, 0}; // we are REQ, protocol 0x30 ...
  private static final byte[] WELCOME = {0, 'S', 'P', 0, 0, 0x31, 0, 0}; // ... and talk to REP, 0x31
  private static final int RESPONSE_MAX = 16 << 20;

  private final InetSocketAddress address;
  private Socket socket;
  private int nextId = new Random().nextInt();

  StoreClient(String host, int port) {
    address = new InetSocketAddress(host, port);
  }

  <T extends Message> T call(
      String method, Message request, Parser<T> responses, Map<String, String> metadata, int timeoutMs)
      throws RpcError, IOException {
    long deadline = System.nanoTime() + timeoutMs * 1_000_000L;
    try {
      if (socket == null) connect(deadline);
      int id = nextId++ | 0x80000000; // the highest bit says that this is the last of the header's words
      byte[] envelope =
          Request.newBuilder()
              .setMethod(method)
              .setTimeoutMs(timeoutMs)
              .putAllMetadata(metadata)
              .setPayload(request.toByteString())
              .build()
              .toByteArray();
      ByteBuffer frame = ByteBuffer.allocate(8 + 4 + envelope.length); // big-endian, as the wire is
      socket.getOutputStream().write(frame.putLong(4 + envelope.length).putInt(id).put(envelope).array());
      Response response = Response.parseFrom(receive(id, deadline));
      if (response.getCode() != Code.OK) {
        boolean hasDetail = response.getDetailsCount() > 0;
        ErrorDetail detail = hasDetail ? response.getDetails(0) : ErrorDetail.getDefaultInstance();
        throw new RpcError(response.getCode(), response.getMessage(), detail);
      }
      return responses.parseFrom(response.getPayload());
    } catch (SocketTimeoutException e) {
      close(); // what comes later on this connection would be for nobody
      ErrorDetail ownTimer = ErrorDetail.newBuilder().setReason("OWN_TIMER").build();
      throw new RpcError(Code.DEADLINE_EXCEEDED, "no answer in time", ownTimer);
    } catch (IOException e) {
      close();
      throw new RpcError(Code.UNAVAILABLE, e.getMessage(), ErrorDetail.getDefaultInstance());
    }
  }

  private void connect(long deadline) throws IOException {
    socket = new Socket();
    socket.setTcpNoDelay(true);
    socket.connect(address, millisUntil(deadline));
    socket.getOutputStream().write(HELLO);
    if (!ByteBuffer.wrap(read(WELCOME.length, deadline)).equals(ByteBuffer.wrap(WELCOME))) {
      throw new IOException("not an NNG reply socket");
    }
  }

  /** The message of the frame with this request id; others are answers that nobody waits for any more. */
  private byte[] receive(int id, long deadline) throws IOException {
    while (true) {
      long size = ByteBuffer.wrap(read(8, deadline)).getLong();
      if (size < 4 || size > RESPONSE_MAX) throw new IOException("a frame of " + size + " bytes");
      int frameId = ByteBuffer.wrap(read(4, deadline)).getInt();
      byte[] message = read((int) size - 4, deadline);
      if (frameId == id) return message;
    }
  }

  private byte[] read(int size, long deadline) throws IOException {
    byte[] bytes = new byte[size];
    for (int done = 0; done < size; ) {
      socket.setSoTimeout(millisUntil(deadline));
      int count = socket.getInputStream().read(bytes, done, size - done);
      if (count < 0) throw new EOFException("the connection was lost");
      done += count;
    }
    return bytes;
  }

  private static int millisUntil(long deadline) throws SocketTimeoutException {
    long left = (deadline - System.nanoTime()) / 1_000_000;
    if (left <= 0) throw new SocketTimeoutException();
    return (int) left;
  }

  @Override
  public void close() {
    try {
      if (socket != null) socket.close();
    } catch (IOException ignored) {
      // it is of no more use either way
    }
    socket = null;
  }

  CreateOrderResponse createOrder(CreateOrderRequest request, Map<String, String> metadata, int timeoutMs)
      throws RpcError, IOException {
    return call("/store.v1.OrderService/CreateOrder", request, CreateOrderResponse.parser(), metadata, timeoutMs);
  }

  Order getOrder(String orderId, Map<String, String> metadata, int timeoutMs) throws RpcError, IOException {
    GetOrderRequest request = GetOrderRequest.newBuilder().setOrderId(orderId).build();
    return call("/store.v1.OrderService/GetOrder", request, Order.parser(), metadata, timeoutMs);
  }

  private static CreateOrderRequest order(OrderItem.Builder item) {
    return CreateOrderRequest.newBuilder()
        .setCustomerId("CUST-JAVA")
        .setShippingAddress("1 Main St")
        .addItems(item)
        .build();
  }

  private static RpcError failure(StoreClient client, CreateOrderRequest order, Map<String, String> metadata, int timeoutMs)
      throws IOException {
    try {
      client.createOrder(order, metadata, timeoutMs);
    } catch (RpcError error) {
      return error;
    }
    throw new AssertionError("a call that should fail succeeded");
  }

  private static void run(StoreClient client, int timeoutMs) throws RpcError, IOException {
    String correlationId = "java-" + UUID.randomUUID();
    String traceId = UUID.randomUUID().toString().replace("-", "");
    Map<String, String> metadata = new HashMap<>();
    metadata.put("x-correlation-id", correlationId);
    metadata.put("traceparent", "00-" + traceId + "-" + traceId.substring(16) + "-01");
    metadata.put("idempotency-key", correlationId); // with a key, a call may be made again: it is carried out once
    CreateOrderRequest laptop =
        order(OrderItem.newBuilder().setProductId("LAPTOP-001").setQuantity(1).setPrice(999.99));

    // Place an order.
    CreateOrderResponse placed = client.createOrder(laptop, metadata, timeoutMs);
    System.out.println("placed " + placed.getOrderId() + " " + placed.getStatus() + " " + placed.getTotalAmount());

    // Read it back: it belongs to our trace.
    Order order = client.getOrder(placed.getOrderId(), Map.of("x-correlation-id", correlationId), timeoutMs);
    if (!order.getCorrelationId().equals(correlationId)) throw new AssertionError(order.getCorrelationId());
    System.out.println("read " + order.getOrderId() + " " + order.getStatus() + " correlation_id "
        + order.getCorrelationId() + " trace_id " + traceId);

    // An error has a code, and a reason to act on.
    OrderItem.Builder monitors = OrderItem.newBuilder().setProductId("MONITOR-005").setQuantity(10000);
    RpcError refused = failure(client, order(monitors), Map.of(), timeoutMs);
    System.out.println("refused " + refused.code + " " + refused.reason + " " + refused.facts.get("order_id"));

    // A deadline: whatever the service does, the caller is told when its time is up ...
    metadata.put("x-correlation-id", correlationId + "-2");
    metadata.put("idempotency-key", correlationId + "-2");
    System.out.println("late " + failure(client, laptop, metadata, 200).code);
    // ... and what became of the order is found out by asking again with the same key: here, that it was undone.
    RpcError outcome = failure(client, laptop, metadata, timeoutMs);
    System.out.println("outcome " + outcome.code + " " + outcome.reason + " " + outcome.facts.get("order_id"));
  }

  public static void main(String[] args) throws IOException {
    String[] address = args[0].split(":");
    try (StoreClient client = new StoreClient(address[0], Integer.parseInt(address[1]))) {
      run(client, args.length > 1 ? Integer.parseInt(args[1]) : 10000);
    } catch (RpcError error) {
      System.err.println(error.getMessage());
      System.exit(1);
    }
  }
}
