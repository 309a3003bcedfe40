"""What watches a training: tensors that it saved, and the rules of SageMaker Debugger over them."""
