package order

// State is the Order aggregate's state.
type State string

// TicketState is the Ticket aggregate's state.
type TicketState string

// DeliveryState is the Delivery aggregate's state.
type DeliveryState string

// BillState is the bill's state in the Account aggregate.
type BillState string

// Status is what a customer is shown.
type Status string

// The states of the four aggregates are those of the example's services.
const (
	ApprovalPending State = "APPROVAL_PENDING"
	Approved        State = "APPROVED"
	Rejected        State = "REJECTED"
	CancelPending   State = "CANCEL_PENDING"
	Cancelled       State = "CANCELLED"
	RevisionPending State = "REVISION_PENDING"

	TicketAwaitingAcceptance TicketState = "AWAITING_ACCEPTANCE"
	TicketAccepted           TicketState = "ACCEPTED"
	TicketPreparing          TicketState = "PREPARING"
	TicketReadyForPickup     TicketState = "READY_FOR_PICKUP"
	TicketPickedUp           TicketState = "PICKED_UP"
	TicketCancelled          TicketState = "CANCELLED"

	DeliveryPending   DeliveryState = "PENDING"
	DeliveryScheduled DeliveryState = "SCHEDULED"
	DeliveryPickedUp  DeliveryState = "PICKED_UP"
	DeliveryDelivered DeliveryState = "DELIVERED"
	DeliveryCancelled DeliveryState = "CANCELLED"

	BillAuthorized          BillState = "AUTHORIZED"
	BillAuthorizationFailed BillState = "AUTHORIZATION_FAILED"
	BillReversed            BillState = "REVERSED"
	BillRevised             BillState = "REVISED"
)

// The statuses, from an order's beginning to its end.
const (
	StatusPlaced        Status = "PLACED"         // sent, not yet confirmed
	StatusPaymentFailed Status = "PAYMENT_FAILED" // the card was refused
	StatusRejected      Status = "REJECTED"       // not taken, for another reason
	StatusConfirmed     Status = "CONFIRMED"      // taken; the kitchen has not begun
	StatusPreparing     Status = "PREPARING"
	StatusReady         Status = "READY" // waits for its courier
	StatusOnTheWay      Status = "ON_THE_WAY"
	StatusDelivered     Status = "DELIVERED"
	StatusChanging      Status = "CHANGING"   // a revision is being considered
	StatusCancelling    Status = "CANCELLING" // a cancellation is being considered
	StatusCancelled     Status = "CANCELLED"
)

// status tells what a customer is shown. The four parts move at their own pace, so it goes by what is surest: an end
// that the order itself has come to, then how far the food is, then the order's own state. It is empty while the order
// part is missing.
func (o *Order) status() Status {
	switch o.State {
	case "":
		return ""
	case Cancelled:
		return StatusCancelled
	case Rejected, ApprovalPending:
		if o.Bill != nil && o.Bill.State == BillAuthorizationFailed {
			return StatusPaymentFailed
		}
		if o.State == Rejected {
			return StatusRejected
		}
	}
	if o.Delivery != nil {
		switch o.Delivery.State {
		case DeliveryDelivered:
			return StatusDelivered
		case DeliveryPickedUp:
			return StatusOnTheWay
		}
	}
	switch o.State {
	case CancelPending:
		return StatusCancelling
	case RevisionPending:
		return StatusChanging
	}
	if o.Ticket != nil {
		switch o.Ticket.State {
		case TicketPickedUp:
			return StatusOnTheWay
		case TicketReadyForPickup:
			return StatusReady
		case TicketPreparing:
			return StatusPreparing
		}
	}
	if o.State == ApprovalPending {
		return StatusPlaced
	}
	return StatusConfirmed
}
