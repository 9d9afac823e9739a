// A FIX acceptor on QuickFIX C++ that tests/tests/counterparties plays against: the session is QuickFIX's, what it does
// with orders is written here and, for the other counterparty, in tests/tests/counterparties/exchange.rs; the symbol says it.
//
//   g++ -std=c++14 quickfix_acceptor.cpp -o quickfix_acceptor -lquickfix -lpthread
//   quickfix_acceptor PORT FIX.4.4|FIX.4.2 DICTIONARY|-
//
// (C++17 refuses the exception specifications of the library's headers.) Standard output is its record, a message a line
// with | between the fields: "< " came over the wire, "> " left over it, "= " reached the application. A line on its
// standard input comes back behind all of it, after "! ". It ends when its standard input does, so that it does not outlive
// the test.

#include <quickfix/Application.h>
#include <quickfix/Log.h>
#include <quickfix/MessageStore.h>
#include <quickfix/Session.h>
#include <quickfix/SessionSettings.h>
#include <quickfix/SocketAcceptor.h>

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <iostream>
#include <mutex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

void record(char what, std::string text) {
  static std::mutex one_line_at_a_time;
  std::replace(text.begin(), text.end(), '\x01', '|');
  std::lock_guard<std::mutex> lock(one_line_at_a_time);
  std::cout << what << ' ' << text << std::endl;
}

struct Recorder : FIX::Log {
  void clear() override {}
  void backup() override {}
  void onIncoming(const std::string &text) override { record('<', text); }
  void onOutgoing(const std::string &text) override { record('>', text); }
  void onEvent(const std::string &text) override { record('#', text); }
};

struct Recorders : FIX::LogFactory {
  FIX::Log *create() override { return new Recorder; }
  FIX::Log *create(const FIX::SessionID &) override { return new Recorder; }
  void destroy(FIX::Log *log) override { delete log; }
};

struct Order {
  // Every ClOrdID that it has had, the present one last.
  std::vector<std::string> ids;
  std::string order_id, symbol, side, price, quantity;
  long filled = 0;
  // OrdStatus(39) of one that is done, 0 of one that is open.
  char done = 0;

  long total() const { return std::stol(quantity); }
  long leaves() const { return done ? 0 : total() - filled; }
  char status() const { return done ? done : filled ? '1' : '0'; }
};

using Fields = std::initializer_list<std::pair<int, std::string>>;

class Exchange : public FIX::NullApplication {
public:
  explicit Exchange(bool is_42) : is_42(is_42) {}

  void fromApp(const FIX::Message &request, const FIX::SessionID &session) throw(
      FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue, FIX::UnsupportedMessageType) override {
    record('=', request.toString());
    const std::string kind = request.getHeader().getField(35);
    if (kind == "D") {
      enter(request, session);
    } else if (kind == "G" || kind == "F") {
      change(kind, request, session);
    } else if (kind == "H") {
      status(request, session);
    } else {
      throw FIX::UnsupportedMessageType();
    }
  }

private:
  bool is_42;
  std::vector<Order> orders;
  long executions = 0;

  Order *find(const std::string &id) {
    for (Order &order : orders)
      if (std::count(order.ids.begin(), order.ids.end(), id))
        return &order;
    return nullptr;
  }

  // An ExecutionReport on the order as it is now; `type` as in FIX 4.4, I for the answer about a status.
  void report(const Order &order, char type, const std::string &id, Fields more, const FIX::SessionID &session) {
    FIX::Message report;
    report.getHeader().setField(35, "8");
    const bool is_status = type == 'I';
    if (is_42) {
      report.setField(20, is_status ? "3" : "0");
      if (is_status || type == 'F')
        type = order.status();
    }
    const std::string leaves = std::to_string(order.leaves());
    for (const auto &field : Fields{{37, order.order_id}, {17, "X" + std::to_string(++executions)},
                                    {150, std::string(1, type)}, {39, std::string(1, order.status())}, {11, id},
                                    {55, order.symbol}, {54, order.side}, {38, order.quantity}, {44, order.price},
                                    {14, std::to_string(order.filled)}, {151, leaves}, {6, "0"}})
      report.setField(field.first, field.second);
    for (const auto &field : more)
      report.setField(field.first, field.second);
    FIX::Session::sendToTarget(report, session);
  }

  void fill(Order &order, long quantity, const FIX::SessionID &session) {
    order.filled += quantity;
    if (order.filled == order.total())
      order.done = '2';
    report(order, 'F', order.ids.back(), {{32, std::to_string(quantity)}, {31, order.price}}, session);
  }

  void enter(const FIX::Message &request, const FIX::SessionID &session) {
    Order order;
    order.ids.push_back(request.getField(11));
    order.order_id = "O" + std::to_string(orders.size() + 1);
    order.symbol = request.getField(55);
    order.side = request.getField(54);
    order.price = request.getField(44);
    order.quantity = request.getField(38);
    orders.push_back(order);
    Order &entered = orders.back();
    const std::string id = entered.ids.back();
    if (entered.symbol == "REFUSE") {
      entered.done = '8';
      report(entered, '8', id, {{103, "3"}, {58, "order exceeds limit"}}, session);
      return;
    }
    report(entered, '0', id, {}, session);
    if (entered.symbol == "FILL" || entered.symbol == "HALF")
      fill(entered, entered.total() / 2, session);
    if (entered.symbol == "FILL")
      fill(entered, entered.leaves(), session);
  }

  void change(const std::string &kind, const FIX::Message &request, const FIX::SessionID &session) {
    const std::string id = request.getField(11), original = request.getField(41);
    Order *order = find(original);
    if (order && !order->done && order->symbol == "RACE" && kind == "F")
      fill(*order, order->leaves(), session);
    if (!order || order->done) {
      FIX::Message reject;
      reject.getHeader().setField(35, "9");
      for (const auto &field :
           Fields{{37, order ? order->order_id : "NONE"}, {11, id}, {41, original},
                  {39, std::string(1, order ? order->done : '8')}, {434, kind == "F" ? "1" : "2"},
                  {102, order ? "0" : "1"}})
        reject.setField(field.first, field.second);
      FIX::Session::sendToTarget(reject, session);
      return;
    }
    order->ids.push_back(id);
    if (kind == "G") {
      order->quantity = request.getField(38);
      order->price = request.getField(44);
    } else {
      order->done = '4';
    }
    report(*order, kind == "G" ? '5' : '4', id, {{41, original}}, session);
  }

  void status(const FIX::Message &request, const FIX::SessionID &session) {
    const std::string id = request.getField(11);
    const std::string number = request.isSetField(790) ? request.getField(790) : "";
    Order unknown;
    unknown.ids.push_back(id);
    unknown.order_id = "NONE";
    unknown.symbol = request.getField(55);
    unknown.side = request.getField(54);
    unknown.price = unknown.quantity = "0";
    unknown.done = '8';
    const Order *order = find(id);
    if (!order)
      order = &unknown;
    const std::string current = order->ids.back();
    if (is_42 && order == &unknown)
      report(*order, 'I', current, {{103, "5"}}, session);
    else if (is_42)
      report(*order, 'I', current, {}, session);
    else if (order == &unknown)
      report(*order, 'I', current, {{103, "5"}, {790, number}}, session);
    else
      report(*order, 'I', current, {{790, number}}, session);
  }
};

} // namespace

int main(int count, char **arguments) {
  if (count != 4) {
    std::cerr << "usage: quickfix_acceptor PORT BEGINSTRING DICTIONARY|-" << std::endl;
    return 2;
  }
  const std::string version = arguments[2], dictionary = arguments[3];
  std::stringstream text;
  text << "[DEFAULT]\nConnectionType=acceptor\nSocketReuseAddress=Y\nSocketNodelay=Y\nSocketAcceptPort=" << arguments[1]
       << "\nStartTime=00:00:00\nEndTime=00:00:00\n[SESSION]\nSenderCompID=VENUE\nTargetCompID=WARPTICK\nBeginString="
       << version << "\n";
  if (dictionary == "-")
    text << "UseDataDictionary=N\n";
  else
    text << "DataDictionary=" << dictionary << "\n";
  try {
    FIX::SessionSettings settings(text);
    Exchange exchange(version == "FIX.4.2");
    FIX::MemoryStoreFactory store;
    Recorders recorders;
    FIX::SocketAcceptor acceptor(exchange, store, settings, recorders);
    acceptor.start();
    record('!', "listens");
    std::string line;
    while (std::getline(std::cin, line))
      record('!', line);
    std::_Exit(0);
  } catch (const std::exception &error) {
    record('!', error.what());
    std::_Exit(1);
  }
}
